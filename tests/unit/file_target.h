/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second source for a target: a file with a copy of a process' memory. It shows everything that a
 * new source has to implement, and that no code above target/target.h needs a running process.
 *
 * The file begins with the text of /proc/PID/maps and an empty line. The bytes of each readable
 * mapping follow, in the order of the text. Mappings that could not be copied are not readable in
 * the text.
 */
#pragma once

#include "target/target.h"

/* Writes the current mappings of @target to the end of @fd. Returns 0 or negative errno. */
int file_target__record(const struct target *target, int fd);

/* Opens the recording in @fd, which the caller keeps. target__free() closes the target. */
int file_target__open(struct target **out, int fd, struct failure *failure);
