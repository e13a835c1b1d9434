/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap's database: one that is there, or of a process as it is now.
 */
#pragma once

#include "cmd/heap_snapshot.h"
#include "cmd/options.h"
#include "stacks/site_ledger.h"
#include "util/failure.h"

/* What goes into one; all must outlive the call. */
struct heap_database_of {
	const struct output *output;
	const struct findings *findings;
	const struct heap *heap;
	const struct heap_census *census;
	const struct site_ledger *ledger; /* of a trace; NULL: no sites are known */
};

/* Of a snapshot. */
struct heap_database_of heap_database_of__snapshot(const struct heap_snapshot *snapshot);

/*
 * Writes what was found, with options->with_database, to a new file at @path. Returns 0, or
 * negative errno and @failure says what; then no such file is left, or the one that was there
 * before.
 */
int heap_database__write(const char *path, const struct heap_database_of *of,
			 const struct options *options, struct failure *failure);

/*
 * The database that @text names: a file's path, or a process id, whose heap is then written to a
 * temporary file that has no name. Returns a descriptor to read it from, which the caller closes,
 * or as above.
 */
int heap_database__open(const char *text, const struct options *options, struct failure *failure);
