// SPDX-License-Identifier: BSD-2-Clause
#include "util/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "util/cleanup.h"

/* /dev/stdout cannot be opened if it is a socket, and would be written from its start if it is a file. */
static bool is_stdout(const struct stat *target)
{
	struct stat own;

	return !fstat(STDOUT_FILENO, &own) && own.st_dev == target->st_dev &&
	       own.st_ino == target->st_ino;
}

/* Returns a descriptor or negative errno. */
static int open_in_place(const char *path, const struct stat *target)
{
	int fd = is_stdout(target) ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
				   : open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Returns a descriptor or negative errno. The name is short, so it fits where that of the file does. */
static int open_temporary(struct out_file *file)
{
	const char *slash = strrchr(file->path, '/');
	int directory = slash ? (int)(slash + 1 - file->path) : 0, fd;
	_cleanup_free_ char *name = NULL;
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -errno;
	if (asprintf(&name, "%.*s.pyfrag-%016" PRIx64 ".tmp", directory, file->path, random) < 0)
		return -ENOMEM;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	file->temporary = TAKE_PTR(name);
	return fd;
}

int out_file__open(struct out_file **out, const char *path)
{
	_cleanup_(out_file__freep) struct out_file *file = calloc(1, sizeof(*file));
	_cleanup_close_ int fd = -1;
	struct stat target;

	if (!file)
		return -ENOMEM;
	file->path = strdup(path);
	if (!file->path)
		return -ENOMEM;
	if (!*path)
		return -ENOENT;
	if (!stat(path, &target) && (!S_ISREG(target.st_mode) || is_stdout(&target)))
		fd = open_in_place(path, &target);
	else
		fd = open_temporary(file);
	if (fd < 0)
		return fd;
	file->stream = fdopen(fd, "w");
	if (!file->stream)
		return -errno;
	TAKE_FD(fd);
	*out = TAKE_PTR(file);
	return 0;
}

int out_file__commit(struct out_file *file)
{
	errno = 0;
	if (fflush(file->stream) || ferror(file->stream))
		return errno ? -errno : -EIO;
	if (file->temporary && fsync(fileno(file->stream)))
		return -errno;
	if (fclose(TAKE_PTR(file->stream)))
		return -errno;
	if (!file->temporary)
		return 0;
	if (rename(file->temporary, file->path))
		return -errno;
	free(TAKE_PTR(file->temporary));
	return 0;
}

void out_file__free(struct out_file *file)
{
	if (!file)
		return;
	if (file->stream)
		fclose(file->stream);
	if (file->temporary)
		unlink(file->temporary);
	free(file->temporary);
	free(file->path);
	free(file);
}

void out_file__freep(struct out_file **file)
{
	out_file__free(*file);
}
