/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file behind a mapping of a target. This is the only place that opens one for reading.
 *
 * A hostile target decides what is mapped, and what is at the mapped file's name now: a FIFO, whose
 * opening waits for ever, or a device, whose opening does something. So a file is first referred to
 * without being opened (O_PATH), then looked at, and only a regular file that is the mapped one is
 * opened for reading, without waiting.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"

/*
 * Two files of the same identity have the same contents, as far as the file system says when it
 * changes one.
 */
struct file_identity {
	uint64_t device, inode;
	uint64_t size; /* bytes */
	int64_t changed_s;
	uint32_t changed_ns; /* of the last change of contents or attributes (ctime) */
};

struct mapped_file {
	int path_fd; /* O_PATH: it can be opened from here */
	struct file_identity identity;
};

/*
 * Finds the file of @mapping as the target sees it. A file server is not asked for anything new.
 * Returns 0; -ESTALE: what has that name now is another file; -ENOEXEC: it is not a regular file;
 * -ENODATA: the source has no files; or negative errno (-ENOENT, -EACCES, ...). The caller
 * releases.
 */
int mapped_file__find(struct mapped_file *out, const struct target *target,
		      const struct mapping *mapping);
void mapped_file__release(struct mapped_file *file);

/*
 * Opens it for reading. Returns a descriptor, the caller's; -EBUSY: somebody has a lease on it
 * (fcntl(2), F_SETLEASE), and opening would wait; or negative errno.
 */
int mapped_file__open(const struct mapped_file *file);
