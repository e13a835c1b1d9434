/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that holds a secret, such as a token that clients must send. If other users can read or
 * write the file, they know or choose the secret, so such a file is refused.
 */
#pragma once

#include "util/failure.h"

/* Maximum length of a secret in bytes. */
#define SECRET_BYTES_MAX 4095

/*
 * Reads the first line of @path, without its newline, into *out; the caller frees it. Symbolic
 * links are followed. The file must belong to root or to the effective user, and nobody else may
 * have access. One exception: if the file belongs to root, the group root may read it, as systemd
 * sets for credentials. Errors are described, including what to do.
 */
int secret_file__read(char **out, const char *path, struct failure *failure);
