// SPDX-License-Identifier: BSD-2-Clause
#include "target/live_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "target/beneath_root.h"
#include "target/live_proc.h"
#include "target/memory_thread.h"
#include "util/cleanup.h"

/* How often a path is looked up again while its directories are being renamed. */
#define LOOKUPS_MAX 3

/*
 * Reads the line of our own maps for the mapping that begins at @start into *out. Returns 0 or
 * negative errno.
 */
static int find_own_mapping(struct mappings *out, uint64_t start)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/maps", "re");
	_cleanup_free_ char *line = NULL;
	size_t capacity = 0;

	if (!file)
		return -errno;
	while (getline(&line, &capacity, file) > 0)
		if (strtoull(line, NULL, 16) == start)
			return mappings__append(out, line);
	return -ENOENT;
}

/*
 * Whether the kernel shows the file, if we map it, as it shows @mapping. On overlayfs and btrfs,
 * maps has other device numbers than stat(2), and on overlayfs of some kernels other inode numbers.
 * The page is never touched.
 */
static bool is_shown_as(int path_fd, const struct mapping *mapping)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	_cleanup_(mappings__release) struct mappings own = {};
	_cleanup_close_ int fd = mapped_file__open(&(const struct mapped_file){.path_fd = path_fd});
	void *page = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_NONE, MAP_PRIVATE, fd, 0);
	bool is_same;

	if (page == MAP_FAILED)
		return false;
	is_same = !find_own_mapping(&own, (uintptr_t)page) &&
		  mapping__is_same_file(&own.items[0], mapping);
	munmap(page, size);
	return is_same;
}

/*
 * Takes ownership of @path_fd, and passes it on to *out if it refers to the mapped file. @is_link:
 * it was opened through a link in /proc to a file of the process, not by name; then the inode alone
 * shows that the link has not changed since @mapping was read.
 */
static int take_file(struct mapped_file *out, int path_fd, const struct mapping *mapping,
		     bool is_link)
{
	_cleanup_close_ int fd = path_fd;
	struct statx status;
	bool is_same_device;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &status))
		return -errno;
	if (!S_ISREG(status.stx_mode))
		return is_link ? -ENOEXEC : -ESTALE;
	is_same_device = status.stx_dev_major == mapping->dev_major &&
			 status.stx_dev_minor == mapping->dev_minor;
	if ((status.stx_ino != mapping->inode || !(is_link || is_same_device)) &&
	    !is_shown_as(fd, mapping))
		return -ESTALE;
	*out = (struct mapped_file){
		.path_fd = TAKE_FD(fd),
		.identity =
			{
				.device = makedev(status.stx_dev_major, status.stx_dev_minor),
				.inode = status.stx_ino,
				.size = status.stx_size,
				.changed_s = status.stx_ctime.tv_sec,
				.changed_ns = status.stx_ctime.tv_nsec,
			},
	};
	return 0;
}

static int find_by_link(struct mapped_file *out, pid_t pid, const char *name,
			const struct mapping *mapping)
{
	int fd = live_proc__open(pid, name, O_PATH);

	return fd < 0 ? fd : take_file(out, fd, mapping, true);
}

static int find_by_name(struct mapped_file *out, const struct target *target,
			const struct mapping *mapping)
{
	_cleanup_close_ int root_fd = beneath_root__open_root(target->pid);
	int fd = -EAGAIN;

	if (root_fd < 0)
		return root_fd;
	for (int i = 0; i < LOOKUPS_MAX && fd == -EAGAIN; i++)
		fd = beneath_root__open_path(root_fd, mapping->path);
	if (fd < 0)
		return fd == -EAGAIN ? -ESTALE : fd;
	return take_file(out, fd, mapping, false);
}

/*
 * Finds the inode itself, whatever its name is now; needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE.
 * The directory exists in /proc/TID, but not in /proc/PID/task/TID.
 */
static int find_in_map_files(struct mapped_file *out, const struct target *target,
			     const struct mapping *mapping)
{
	_cleanup_(mapped_file__release) struct mapped_file found = {.path_fd = -1};
	pid_t thread = memory_thread__of(target->pid);
	char name[64];
	int err;

	snprintf(name, sizeof(name), "map_files/%lx-%lx", mapping->start, mapping->end);
	err = find_by_link(&found, thread, name, mapping);
	if (thread != target->pid && !memory_thread__belongs(target->pid, thread))
		return -ESTALE;
	if (err)
		return err;
	*out = found;
	found.path_fd = -1;
	return 0;
}

int live_files__find(const struct target *target, const struct mapping *mapping,
		     struct mapped_file *out)
{
	int err = find_in_map_files(out, target, mapping);

	if (!err || err == -ENOEXEC)
		return err;
	if (!strcmp(mapping->path, target->exe) &&
	    !find_by_link(out, target->pid, memory_thread__entry(target->pid, "exe").name, mapping))
		return 0;
	return mapping->path[0] == '/' ? find_by_name(out, target, mapping) : err;
}
