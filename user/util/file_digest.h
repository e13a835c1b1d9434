/* SPDX-License-Identifier: BSD-2-Clause */
/* The SHA-256 digest of a file's content. */
#pragma once

#include <stdint.h>

struct file_digest {
	char text[65]; /* hexadecimal */
};

/*
 * Reads the regular file @fd from beginning to end. If @copy_fd is not negative, writes exactly the
 * hashed bytes there. Returns 0; -EFBIG if the file has more than @bytes_max bytes, including holes
 * (nothing is read if its size shows this); -EINVAL if it is not a regular file; or another
 * negative errno.
 */
int file_digest__compute(struct file_digest *out, int fd, uint64_t bytes_max, int copy_fd);
