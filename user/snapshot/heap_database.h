/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap's database: one that is there, or of a process as it is now.
 */
#pragma once

#include "snapshot/snapshot_options.h"
#include "util/failure.h"

/*
 * The database that @text names: a file's path, or a process id, whose heap is then written to a
 * temporary file that has no name. Returns a descriptor to read it from, which the caller closes,
 * or negative errno; errors are described.
 */
int heap_database__open(const char *text, const struct snapshot_options *options,
			struct failure *failure);
