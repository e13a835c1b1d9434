/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects outside of arenas, and what belongs to objects there: what is larger than pymalloc's
 * blocks is allocated by malloc.
 *
 * Each reference that leads to the start of a chunk in use tells what is in the chunk. Allocations
 * of other mallocs, or without a reference to them, remain unknown.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/graph.h"
#include "heap/heap.h"

/* Allocations that hold the same kind of thing. */
struct outside_row {
	uint32_t kind; /* as in a census */
	uint64_t cnt, bytes;
};

/* A block of malloc: an object outside of arenas is in it, or has it as its buffer. */
struct outside_block {
	uint64_t block;	 /* address */
	size_t index;	 /* of the object in the order of the graph */
	bool is_certain; /* not only any word leads there */
};

#define OUTSIDE_NONE SIZE_MAX

struct outside_objects {
	struct outside_row *rows; /* most bytes first */
	size_t row_cnt, row_capacity;
	uint64_t cnt, bytes;  /* of all rows */
	uint64_t chunk_bytes; /* the same with the headers of chunks */
	/*
	 * For each object outside of arenas, in the order of the graph: its kind and its bytes; 0
	 * bytes: not allocated by malloc.
	 */
	uint32_t *kinds;
	uint64_t *sizes;
	struct outside_block *blocks; /* by address, each once */
	size_t block_cnt, block_capacity;
};

/*
 * @malloc: the heap of malloc, read along with the heap of @graph. Returns 0, -EDQUOT or -ENOMEM.
 * The caller releases *out.
 */
int outside_objects__find(struct outside_objects *out, const struct graph *graph,
			  const struct heap *malloc);

/* Of @in_use_bytes that malloc has in use, what is neither an object nor belongs to one. */
static inline uint64_t outside_objects__rest(const struct outside_objects *objects,
					     uint64_t in_use_bytes)
{
	return in_use_bytes > objects->chunk_bytes ? in_use_bytes - objects->chunk_bytes : 0;
}

/* The index of the object in @block; OUTSIDE_NONE: no object is known there. */
size_t outside_objects__at(const struct outside_objects *objects, uint64_t block);
void outside_objects__release(struct outside_objects *objects);
