/* SPDX-License-Identifier: BSD-2-Clause */
/* A heap's database: an existing one, or a new one of a running process. */
#pragma once

#include "snapshot/snapshot_options.h"
#include "util/failure.h"

/*
 * Opens the database that @text names. @text is the path of a file, or a process id, whose heap is
 * then written to an unnamed temporary file. Returns a descriptor for reading, which the caller
 * closes, or negative errno; errors are described.
 */
int heap_database__open(const char *text, const struct snapshot_options *options,
			struct failure *failure);
