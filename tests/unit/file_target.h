/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second source of a target: a file that holds a copy of a process' memory. It is all that a new
 * source takes, and shows that nothing above target/target.h needs a running process.
 *
 * The file begins with the text of /proc/PID/maps, an empty line, and then has the bytes of each
 * readable mapping, in the order of the text. What could not be copied is not readable in the text.
 */
#pragma once

#include "target/target.h"

/* Writes what @target has mapped now to the end of @fd. Returns 0 or negative errno. */
int file_target__record(const struct target *target, int fd);

/* Opens what was recorded in @fd, which stays the caller's. target__free() closes it. */
int file_target__open(struct target **out, int fd, struct failure *failure);
