// SPDX-License-Identifier: BSD-2-Clause
#include "util/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"

#define OWNER_ONLY (S_IRUSR | S_IWUSR)

static const char *name_of_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFLNK:
		return "a symbolic link";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFDIR:
		return "a directory";
	default:
		return "a device";
	}
}

static int describe(const char *path, int err, struct failure *failure)
{
	return failure__set(failure, err, "cannot write %.500s: %s", path, strerror(-err));
}

/* Opens the directory of @path. */
static int open_directory(struct out_file *file, const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *directory =
		slash ? strndup(path, (size_t)(slash + 1 - path)) : strdup(".");

	file->path = strdup(path);
	file->name = strdup(slash ? slash + 1 : path);
	if (!directory || !file->path || !file->name)
		return -ENOMEM;
	file->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (file->directory < 0)
		return -errno;
	return *file->name ? 0 : *path ? -EISDIR : -ENOENT;
}

static int check_old(const struct out_file *file, struct failure *failure)
{
	struct stat old;

	if (fstatat(file->directory, file->name, &old, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : describe(file->path, -errno, failure);
	if (S_ISREG(old.st_mode))
		return 0;
	return failure__set(failure, -EEXIST,
			    "cannot write %.500s: it is %s; give a new name or that of a regular "
			    "file, which is then replaced",
			    file->path, name_of_type(old.st_mode));
}

/*
 * Returns a descriptor or negative errno. The temporary name is short, so it is valid wherever the
 * final name is.
 */
static int open_temporary(struct out_file *file)
{
	_cleanup_free_ char *name = NULL;
	uint64_t random;
	int fd;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -errno;
	if (asprintf(&name, ".pyfrag-%016" PRIx64 ".tmp", random) < 0)
		return -ENOMEM;
	/* Readable, too, which a database needs. */
	fd = openat(file->directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    OWNER_ONLY);
	if (fd < 0)
		return -errno;
	file->temporary = TAKE_PTR(name);
	return fd;
}

static struct out_file *allocate(void)
{
	struct out_file *file = calloc(1, sizeof(*file));

	if (file)
		file->directory = -1;
	return file;
}

/* Returns the file without its temporary file, or NULL. */
static struct out_file *prepare(const char *path, int *err, struct failure *failure)
{
	_cleanup_(out_file__freep) struct out_file *file = allocate();

	*err = file ? open_directory(file, path) : -ENOMEM;
	if (*err)
		describe(path, *err, failure);
	else
		*err = check_old(file, failure);
	return *err ? NULL : TAKE_PTR(file);
}

int out_file__check(const char *path, struct failure *failure)
{
	int err;

	out_file__free(prepare(path, &err, failure));
	return err;
}

int out_file__open(struct out_file **out, const char *path, struct failure *failure)
{
	int err, fd;
	_cleanup_(out_file__freep) struct out_file *file = prepare(path, &err, failure);

	if (err)
		return err;
	fd = open_temporary(file);
	if (fd < 0)
		return describe(path, fd, failure);
	file->stream = fdopen(fd, "w");
	if (!file->stream) {
		err = -errno;
		close(fd);
		return describe(path, err, failure);
	}
	*out = TAKE_PTR(file);
	return 0;
}

int out_file__stdout(struct out_file **out, struct failure *failure)
{
	_cleanup_(out_file__freep) struct out_file *file = allocate();
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);

	if (file && fd >= 0) {
		file->path = strdup("stdout");
		file->stream = fdopen(fd, "w");
	}
	if (!file || fd < 0 || !file->path || !file->stream) {
		int err = errno ? -errno : -ENOMEM;

		if (fd >= 0 && !(file && file->stream))
			close(fd);
		return describe("stdout", err, failure);
	}
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
	if (renameat(file->directory, file->temporary, file->directory, file->name))
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
		unlinkat(file->directory, file->temporary, 0);
	closep(&file->directory);
	free(file->temporary);
	free(file->name);
	free(file->path);
	free(file);
}

void out_file__freep(struct out_file **file)
{
	out_file__free(*file);
}
