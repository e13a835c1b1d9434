/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file behind a mapping of a target. Only this file opens one for reading.
 *
 * A hostile target decides what is mapped, and what has the mapped file's name now: a FIFO, which
 * blocks whoever opens it, or a device, where opening has an effect. So a file is first referred to
 * without being opened (O_PATH) and then examined; it is opened for reading, without blocking, only
 * if it is a regular file and the one that is mapped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"

/*
 * Two files of the same identity have the same contents, as far as the file system records changes.
 */
struct file_identity {
	uint64_t device, inode;
	uint64_t size; /* bytes */
	int64_t changed_s;
	uint32_t changed_ns; /* of the last change of contents or attributes (ctime) */
};

struct mapped_file {
	int path_fd; /* O_PATH: the file can be opened from it */
	struct file_identity identity;
};

/*
 * Finds the file of @mapping as the target sees it. Its attributes are not requested anew from a
 * file server. Returns 0; -ESTALE: another file has this name now; -ENOEXEC: it is not a regular
 * file; -ENODATA: the source has no files; or negative errno (-ENOENT, -EACCES, ...). The caller
 * releases *out.
 */
int mapped_file__find(struct mapped_file *out, const struct target *target,
		      const struct mapping *mapping);
void mapped_file__release(struct mapped_file *file);

/*
 * Opens it for reading. Returns a descriptor, which the caller closes; -EBUSY: somebody holds a
 * lease on it (fcntl(2), F_SETLEASE), and opening it would block; or negative errno.
 */
int mapped_file__open(const struct mapped_file *file);
