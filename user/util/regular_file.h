/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens a file whose name others may have chosen. Only regular files are accepted: opening a FIFO
 * would wait for a writer, and reading a device may never end or may have side effects.
 */
#pragma once

#include "util/failure.h"

/*
 * Opens the regular file @path for reading, without blocking; symbolic links are followed. Returns
 * a descriptor that the caller closes; -EINVAL if it is not a regular file; or another negative
 * errno. Errors are described; the text begins with @what, for example "cannot open".
 */
int regular_file__open(const char *what, const char *path, struct failure *failure);
