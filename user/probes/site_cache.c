// SPDX-License-Identifier: BSD-2-Clause
#include "probes/site_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "probes/cache_directory.h"
#include "probes/site_entry.h"
#include "util/cleanup.h"
#include "util/file_digest.h"
#include "util/log.h"

#define SYSTEM_DIRECTORY "/var/cache/pyfrag"
#define PATH_BYTES	 4096
#define DAY_S		 86400

static bool is_writable_by_others(const struct stat *status)
{
	return status->st_mode & (S_IWGRP | S_IWOTH);
}

static bool is_ours(int fd, mode_t type)
{
	struct stat status;

	return !fstat(fd, &status) && (status.st_mode & S_IFMT) == type &&
	       status.st_uid == geteuid() && !is_writable_by_others(&status);
}

/*
 * Nothing is known about file systems that a server provides, because the server may be anybody's:
 * it may return one content now and another one later.
 */
bool site_cache__trusts(int fd, struct stat *status)
{
	static const unsigned int served[] = {
		FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC, CEPH_SUPER_MAGIC, V9FS_MAGIC,
		CIFS_SUPER_MAGIC, SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC, CODA_SUPER_MAGIC,
		AFS_SUPER_MAGIC,  AFS_FS_MAGIC,
	};
	struct statfs system;

	if (fstat(fd, status) || fstatfs(fd, &system))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(served); i++)
		if ((unsigned int)system.f_type == served[i])
			return false;
	return S_ISREG(status->st_mode) && !is_writable_by_others(status) &&
	       (status->st_uid == 0 || status->st_uid == geteuid());
}

/* Opens the directory, and creates it if necessary. Returns a file descriptor or negative errno. */
static int open_directory(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = -1;
	char path[PATH_BYTES];
	int length;

	if (geteuid() == 0)
		length = snprintf(path, sizeof(path), "%s", SYSTEM_DIRECTORY);
	else if (cache && *cache == '/')
		length = snprintf(path, sizeof(path), "%s/pyfrag", cache);
	else if (home && *home == '/')
		length = snprintf(path, sizeof(path), "%s/.cache/pyfrag", home);
	else
		return -ENOENT;
	if (length >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, flags);
	if (fd < 0 && errno == ENOENT && !mkdir(path, 0700))
		fd = open(path, flags);
	if (fd < 0)
		return -errno;
	return is_ours(fd, S_IFDIR) ? TAKE_FD(fd) : -EPERM;
}

/* Marks an entry as used, so that it is not pruned. The time is accurate to a day. */
static void note_use(int entry_fd)
{
	struct stat status;

	if (!fstat(entry_fd, &status) && time(NULL) - status.st_mtim.tv_sec > DAY_S)
		futimens(entry_fd, NULL);
}

static int load(struct site_set *out, int fd, int directory, const char *name)
{
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	int entry_fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_fclose_ FILE *file = entry_fd < 0 ? NULL : fdopen(entry_fd, "r");
	int err;

	if (!file)
		return -ENOENT;
	if (!is_ours(entry_fd, S_IFREG))
		return -EPERM;
	err = elf_file__open(&elf, fd);
	if (!err)
		err = site_entry__read(out, file, elf);
	if (!err)
		note_use(entry_fd);
	return err;
}

/* Writes to another name and renames the file, so that another pyfrag sees all of it or nothing. */
static int save(const struct site_set *set, int directory, const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	char aside[64];
	int fd, err;

	snprintf(aside, sizeof(aside), CACHE_ASIDE "%d", gettid());
	fd = openat(directory, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	err = site_entry__write(set, file);
	if (!err && (fflush(file) || renameat(directory, aside, directory, name)))
		err = -errno;
	if (err)
		unlinkat(directory, aside, 0);
	return err;
}

static int scan(struct site_set *out, int fd, uint64_t code_bytes_max)
{
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	int err = elf_file__open(&elf, fd);

	if (!err && code_bytes_max)
		elf_file__limit_code(elf, code_bytes_max);
	return err ? err : site_set__scan(out, elf);
}

static bool is_unchanged(int fd, const struct stat *before)
{
	struct stat now;

	return !fstat(fd, &now) && now.st_size == before->st_size &&
	       now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec &&
	       now.st_ctim.tv_sec == before->st_ctim.tv_sec &&
	       now.st_ctim.tv_nsec == before->st_ctim.tv_nsec;
}

/*
 * Scans a copy, so that the result belongs to the bytes that were hashed, even if the file changes.
 */
static int scan_and_save(struct site_set *out, int fd, uint64_t code_bytes_max,
			 const struct stat *before, int directory)
{
	_cleanup_close_ int copy_fd = memfd_create("pyfrag-scan", MFD_CLOEXEC);
	struct file_digest digest;
	int err;

	if (copy_fd < 0 || file_digest__compute(&digest, fd, SITE_CACHE_FILE_BYTES_MAX, copy_fd))
		return scan(out, fd, code_bytes_max);
	err = scan(out, copy_fd, code_bytes_max);
	if (err || !is_unchanged(fd, before))
		return err;
	err = save(out, directory, cache_directory__name(&digest).text);
	if (!err)
		err = cache_directory__prune(directory);
	if (err)
		log_debug("cannot cache probe sites: %s", strerror(-err));
	return 0;
}

int site_cache__find(struct site_set *out, int fd, uint64_t code_bytes_max, bool use_cache,
		     bool *cached)
{
	_cleanup_close_ int directory = -1;
	struct file_digest digest;
	struct stat status;

	if (cached)
		*cached = false;
	if (use_cache && site_cache__trusts(fd, &status))
		directory = open_directory();
	if (directory < 0 || file_digest__compute(&digest, fd, SITE_CACHE_FILE_BYTES_MAX, -1))
		return scan(out, fd, code_bytes_max);
	if (load(out, fd, directory, cache_directory__name(&digest).text))
		return scan_and_save(out, fd, code_bytes_max, &status, directory);
	if (cached)
		*cached = true;
	return 0;
}
