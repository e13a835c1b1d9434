/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that holds a secret: a token that clients must send. A secret that others can read is not
 * secret, and one that others can write is theirs: such a file is refused.
 */
#pragma once

#include "util/failure.h"

/* Longer secrets are refused. Bytes. */
#define SECRET_BYTES_MAX 4095

/*
 * Reads the first line of the file at @path, without its line break, into *out; the caller frees.
 * Symbolic links are followed. The file must belong to root or to the effective user, and nobody
 * else may have access to it; reading is allowed to root's group if the file is root's, as systemd
 * sets it for credentials. Errors are described, with what to do.
 */
int secret_file__read(char **out, const char *path, struct failure *failure);
