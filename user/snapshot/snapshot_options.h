/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a heap is read, and what is worked out of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/census_kinds.h"
#include "analysis/findings.h"
#include "target/reading_options.h"

/* Questions about the objects in a heap. */
struct heap_census_options {
	bool with_rows; /* what is in the heap: the first @top rows, by @by */
	enum census_by by;
	uint32_t top;
	bool with_paths; /* what keeps the blocks alive that pin arenas */
	bool with_graph; /* what refers to what, and by which names, for those who write it */
	uint64_t object, arena; /* everything about the one at this address; 0: none */
	const char *since;	/* leave out the blocks that this database has; NULL: none */
	bool no_values;		/* nothing of the program's data, and no command line */
};

struct snapshot_options {
	struct reading_options reading;
	struct findings_options findings;
	struct heap_census_options census;
};
