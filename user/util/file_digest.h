/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SHA-256 of a file's content.
 */
#pragma once

#include <stdint.h>

struct file_digest {
	char text[65]; /* hexadecimal */
};

/*
 * Reads the regular file behind @fd from its beginning to its end. If @copy_fd is not negative, the
 * bytes that are hashed, and no others, are written there as well. Returns 0; -EFBIG: it has more
 * than @bytes_max bytes, holes included (nothing is read if its size says so); -EINVAL: not a
 * regular file; or negative errno.
 */
int file_digest__compute(struct file_digest *out, int fd, uint64_t bytes_max, int copy_fd);
