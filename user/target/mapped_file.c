// SPDX-License-Identifier: BSD-2-Clause
#include "target/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "util/cleanup.h"

void mapped_file__release(struct mapped_file *file)
{
	closep(&file->path_fd);
	file->path_fd = -1;
}

int mapped_file__find(struct mapped_file *out, const struct target *target,
		      const struct mapping *mapping)
{
	return target->ops->find_mapped_file ? target->ops->find_mapped_file(target, mapping, out)
					     : -ENODATA;
}

/*
 * The descriptor's own link leads to the file that it refers to, whatever has that file's name now.
 */
int mapped_file__open(const struct mapped_file *file)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->path_fd);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}
