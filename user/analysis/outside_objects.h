/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects outside of arenas, and what belongs to objects there: what is larger than pymalloc's
 * blocks is allocated by malloc.
 *
 * glibc's malloc writes the size of a chunk right before it (malloc/malloc.c, struct malloc_chunk),
 * and the chunk after one in use is marked accordingly (PREV_INUSE). So each allocation that a
 * reference leads to can be measured. Allocations of other mallocs, or without a reference to them,
 * cannot.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analysis/memory_use.h"
#include "census/graph.h"

/* Allocations that hold the same kind of thing. */
struct outside_row {
	uint32_t kind; /* as in a census */
	uint64_t cnt, bytes;
};

struct outside_objects {
	struct outside_row *rows; /* most bytes first */
	size_t row_cnt, row_capacity;
	uint64_t cnt, bytes; /* of all rows */
	/*
	 * For each object outside of arenas, in the order of the graph: its kind and its bytes; 0
	 * bytes: not allocated by malloc.
	 */
	uint32_t *kinds;
	uint64_t *sizes;
};

/* Returns 0, -EDQUOT, -ENOMEM or as memory__read_ranges(). The caller releases *out. */
int outside_objects__find(struct outside_objects *out, const struct graph *graph,
			  const struct memory_use *use);
void outside_objects__release(struct outside_objects *objects);
