// SPDX-License-Identifier: BSD-2-Clause
#include "util/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"

int regular_file__open(const char *what, const char *path, struct failure *failure)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return failure__set(failure, -errno, "%s %.500s: %s", what, path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return failure__set(failure, -EINVAL, "%s %.500s: not a regular file", what, path);
	return TAKE_FD(fd);
}
