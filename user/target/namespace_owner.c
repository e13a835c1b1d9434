// SPDX-License-Identifier: BSD-2-Clause
#include "target/namespace_owner.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/live_proc.h"
#include "target/memory_thread.h"
#include "target/proc_text.h"
#include "util/cleanup.h"

/* At most 340 lines of three numbers. */
#define UID_MAP_BYTES_MAX (16UL << 10)
/* The kernel nests no deeper (user_namespaces(7)). */
#define LEVELS_MAX 33

static bool is_same(int fd, const struct stat *own)
{
	struct stat status;

	return !fstat(fd, &status) && status.st_dev == own->st_dev && status.st_ino == own->st_ino;
}

bool namespace_owner__is_ours(pid_t pid)
{
	_cleanup_(proc_text__release) struct proc_text theirs = {}, ours = {};

	return !proc_text__read(&theirs, pid, "uid_map", UID_MAP_BYTES_MAX) &&
	       !proc_text__read(&ours, getpid(), "uid_map", UID_MAP_BYTES_MAX) &&
	       !strcmp(theirs.bytes, ours.bytes);
}

uid_t namespace_owner__of(pid_t pid, uid_t uid)
{
	_cleanup_close_ int fd =
		live_proc__open(pid, memory_thread__entry(pid, "ns/user").name, O_RDONLY);
	struct stat own;
	uid_t owner = uid;

	if (fd < 0 || stat("/proc/self/ns/user", &own))
		return uid;
	for (int level = 0; level < LEVELS_MAX && !is_same(fd, &own); level++) {
		int parent = ioctl(fd, NS_GET_PARENT);

		if (ioctl(fd, NS_GET_OWNER_UID, &owner))
			owner = uid;
		if (parent < 0)
			break;
		closep(&fd);
		fd = parent;
	}
	return owner ? owner : uid;
}
