/* SPDX-License-Identifier: BSD-2-Clause */
/* How to read a heap and what to compute from it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/census_kinds.h"
#include "analysis/findings.h"
#include "target/reading_options.h"

#define RETAINED_DEPTH 4 /* of the tree of what holds memory, unless another one is given */

/* Questions about the objects in a heap. */
struct heap_census_options {
	bool with_rows; /* the first @top rows of the heap's contents, grouped by @by */
	enum census_by by;
	uint32_t top;
	bool with_paths;	/* what keeps pinning blocks alive */
	uint32_t retained;	/* depth of the tree of what holds memory; 0: no tree */
	bool with_graph;	/* all references with their names, for writers that need them */
	uint64_t object, arena; /* everything about the one at this address; 0: none */
	const char *since;	/* omit the blocks that this database has; NULL: none */
	bool no_values;		/* omit the program's data and its command line */
};

struct snapshot_options {
	struct reading_options reading;
	struct findings_options findings;
	struct heap_census_options census;
};
