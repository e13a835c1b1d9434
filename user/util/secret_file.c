// SPDX-License-Identifier: BSD-2-Clause
#include "util/secret_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/regular_file.h"

static int check(const struct stat *status, const char *path, struct failure *failure)
{
	mode_t allowed = S_IRWXU;

	if (status->st_uid != 0 && status->st_uid != geteuid())
		return failure__set(
			failure, -EPERM,
			"cannot trust the token in %.200s: the file belongs to user %u; it must "
			"belong to root or to the user who runs pyfrag",
			path, status->st_uid);
	if (!status->st_uid && !status->st_gid)
		allowed |= S_IRGRP;
	if (status->st_mode & ~(S_IFMT | allowed) & (S_IRWXG | S_IRWXO))
		return failure__set(failure, -EPERM,
				    "cannot trust the token in %.200s: other users have access to "
				    "the file (mode %04o); run chmod 600 on it",
				    path, status->st_mode & 07777);
	return 0;
}

/* Returns the number of bytes read, at most @size, or negative errno. */
static ssize_t read_start(int fd, char *text, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t cnt = read(fd, text + used, size - used);

		if (cnt < 0 && errno != EINTR)
			return -errno;
		if (!cnt)
			break;
		used += cnt > 0 ? (size_t)cnt : 0;
	}
	return (ssize_t)used;
}

int secret_file__read(char **out, const char *path, struct failure *failure)
{
	_cleanup_close_ int fd = regular_file__open("cannot read a token from", path, failure);
	char text[SECRET_BYTES_MAX + 1];
	struct stat status;
	size_t length;
	ssize_t size;
	int err;

	if (fd < 0)
		return fd;
	if (fstat(fd, &status))
		return failure__set(failure, -errno, "cannot read a token from %.200s: %s", path,
				    strerror(errno));
	err = check(&status, path, failure);
	if (err)
		return err;
	size = read_start(fd, text, sizeof(text));
	if (size < 0)
		return failure__set(failure, (int)size, "cannot read a token from %.200s: %s", path,
				    strerror((int)-size));
	for (length = 0; length < (size_t)size && !strchr("\r\n", text[length]);)
		length++; /* a NUL also ends the secret */
	if (!length || length == sizeof(text))
		return failure__set(failure, -EINVAL,
				    "cannot read a token from %.200s: its first line is %s", path,
				    length ? "longer than 4095 bytes" : "empty");
	*out = strndup(text, length);
	return *out ? 0 : failure__set(failure, -ENOMEM, "out of memory");
}
