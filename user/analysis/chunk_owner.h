/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of Python is in a block of malloc, and what keeps that alive. A block may contain an object,
 * or be the buffer of one, which need not be in malloc's memory itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/outside_objects.h"
#include "census/graph.h"
#include "census/retention.h"
#include "census/roots.h"
#include "malloc/mallocs.h"

/* Where owners are looked for; nothing of it is owned. */
struct owners_source {
	const struct mallocs *mallocs; /* NULL: not known */
	const struct graph *graph;
	const struct outside_objects *outside; /* empty if they are not known */
	const struct roots *roots;
	bool no_values;
};

/*
 * The node of the object that is in @block or has it as its buffer; NODE_NONE: none is known.
 * *kind: of what is in the block, as in a census.
 */
uint32_t chunk_owner__find(const struct owners_source *source, uint64_t block, uint32_t *kind);

/*
 * The shortest path from a root to a node for which retention__learn() was called. *out is NULL if
 * none leads there; the caller frees it. Returns 0, -EDQUOT, -ENOMEM, or as retention__path().
 */
int chunk_owner__find_path(char **out, const struct owners_source *source,
			   const struct retention *retention, uint32_t node);
