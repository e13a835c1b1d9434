// SPDX-License-Identifier: BSD-2-Clause
#include "agent/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

#define FILE_RIGHTS LANDLOCK_ACCESS_FS_READ_FILE
#define READ_RIGHTS (FILE_RIGHTS | LANDLOCK_ACCESS_FS_READ_DIR)

/* Rights that may be missing in the headers of the build; from linux/landlock.h of Linux 6.12. */
#define RIGHT_REFER	(1ULL << 13)
#define RIGHT_TRUNCATE	(1ULL << 14)
#define RIGHT_IOCTL_DEV (1ULL << 15)
#define RIGHT_BIND_TCP	(1ULL << 0)

/*
 * The beginning of struct landlock_ruleset_attr; older kernels accept the first field only. The
 * next field, scopes, is left out: it would block the signal that ends the agent's processes when
 * the first one has ended.
 */
struct ruleset {
	uint64_t fs, net;
};

/* All rights that this version of Landlock can refuse. */
static struct ruleset refuse_all(long version)
{
	struct ruleset set = {.fs = (1ULL << 13) - 1};

	if (version >= 2)
		set.fs |= RIGHT_REFER;
	if (version >= 3)
		set.fs |= RIGHT_TRUNCATE;
	if (version >= 4)
		set.net = RIGHT_BIND_TCP;
	if (version >= 5)
		set.fs |= RIGHT_IOCTL_DEV;
	return set;
}

static size_t size_of(long version)
{
	return version >= 4 ? sizeof(struct ruleset) : offsetof(struct ruleset, net);
}

static int add_path(int ruleset_fd, const char *path)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.parent_fd = fd};
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return 0;
	rule.allowed_access = S_ISDIR(status.st_mode) ? READ_RIGHTS : FILE_RIGHTS;
	return syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0)
		       ? -errno
		       : 0;
}

int landlock__read_only(const char *const *paths, size_t cnt, struct failure *failure)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	const struct ruleset set = refuse_all(version);
	_cleanup_close_ int fd = -1;
	int err = 0;

	if (version <= 0)
		return failure__set(failure, -EOPNOTSUPP, "this kernel has no Landlock");
	fd = (int)syscall(SYS_landlock_create_ruleset, &set, size_of(version), 0);
	if (fd < 0)
		err = -errno;
	for (size_t i = 0; i < cnt && !err; i++)
		err = add_path(fd, paths[i]);
	if (!err &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, fd, 0)))
		err = -errno;
	return err ? failure__set(failure, err, "cannot restrict files (Landlock): %s",
				  strerror(-err))
		   : 0;
}
