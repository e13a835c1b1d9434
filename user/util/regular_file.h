/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that is read by a name which may be anybody's choice. Only a regular one is: opening a
 * FIFO would wait for its writer, and reading a device need not end, or does something.
 */
#pragma once

#include "util/failure.h"

/*
 * Opens the regular file at @path for reading, without waiting; symbolic links are followed.
 * Returns a descriptor, the caller's; -EINVAL: it is not a regular file; or another negative errno.
 * Errors are described, beginning with @what: "cannot open".
 */
int regular_file__open(const char *what, const char *path, struct failure *failure);
