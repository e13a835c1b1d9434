// SPDX-License-Identifier: BSD-2-Clause
#include "target/live_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINK_BYTES_MAX 4096

struct proc_path {
	char text[320]; /* the name of an entry in a directory may have 255 bytes */
};

static struct proc_path path_of(pid_t pid, const char *name)
{
	struct proc_path path;

	snprintf(path.text, sizeof(path.text), "/proc/%d/%s", pid, name);
	return path;
}

int live_proc__open(pid_t pid, const char *name, int flags)
{
	int fd = open(path_of(pid, name).text, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

DIR *live_proc__open_directory(pid_t pid, const char *name)
{
	return opendir(path_of(pid, name).text);
}

int live_proc__read_link(pid_t pid, const char *name, char **out)
{
	char link[LINK_BYTES_MAX];
	ssize_t size = readlink(path_of(pid, name).text, link, sizeof(link) - 1);

	if (size < 0)
		return -errno;
	link[size] = '\0';
	*out = strdup(link);
	return *out ? 0 : -ENOMEM;
}

bool live_proc__has(pid_t pid, const char *name)
{
	return !access(path_of(pid, name).text, F_OK);
}

int live_proc__user(pid_t pid, uid_t *out)
{
	struct stat status;

	if (stat(path_of(pid, "").text, &status))
		return -errno;
	*out = status.st_uid;
	return 0;
}
