/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads pools, as many at once as fit into the processor's cache. Where each block is a span of its
 * own, a pool is a block, and may be of any size: only the first part of a large one is read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "census/block_table.h"
#include "heap/heap.h"
#include "target/memory.h"
#include "util/bits.h"

/* At most so much is read of a block. */
#define BLOCK_COPY_MAX (64UL << 10)

/*
 * A copy of a pool from its header to the end of its last live block, or of what is read of that
 * (pool_reader__copy_bytes()). Pages that are left swapped out are missing.
 */
struct pool_copy {
	const uint8_t *bytes;	/* NULL: nothing of it could be read */
	const uint8_t *missing; /* NULL: it is whole; else a bit for each word of a buffer, ... */
	uint32_t first_word;	/* ... in which the copy begins here */
};

/* Whether a block of @size bytes at @offset of the pool is in the copy. */
static inline bool pool_copy__has(const struct pool_copy *copy, uint32_t offset, uint32_t size)
{
	if (!copy->bytes || !copy->missing)
		return copy->bytes;
	for (uint32_t word = offset / 8; word < (offset + size + 7) / 8; word++)
		if (bits__get(copy->missing, copy->first_word + word))
			return false;
	return true;
}

struct pool_visitor {
	/* Whether to read a pool; NULL: read all. */
	bool (*wants)(const struct block_span *pool, void *context);
	/*
	 * The bytes of @copy are valid until end_batch() returns. Returns 0, or an error, which
	 * ends the run.
	 */
	int (*visit)(const struct block_span *pool, const struct pool_copy *copy, void *context);
	int (*end_batch)(void *context); /* may be NULL */
	void *context;
};

/*
 * Reads the pools of @blocks, in their order. Returns 0, -ENOMEM, as memory__read_ranges(), or what
 * @visitor returns.
 */
int pool_reader__run(const struct heap *heap, const struct block_table *blocks,
		     const struct memory *memory, const struct pool_visitor *visitor);

/* How much of each block of a pool is in its copy: all of it, unless it is large. */
static inline uint32_t pool_reader__copy_bytes(const struct block_span *pool)
{
	return (uint32_t)(pool->block_size < BLOCK_COPY_MAX ? pool->block_size : BLOCK_COPY_MAX);
}

/* Whether the block at @offset in a pool is live. @live: block_map__span_bits() of the pool. */
static inline bool pool_reader__is_live(const struct heap *heap, const uint64_t *live,
					uint32_t offset)
{
	uint32_t unit = offset / heap->layout.map.alignment;

	if (heap->spans)
		return true; /* its only block, or it would not be in the table */
	return live[unit / 64] >> unit % 64 & 1;
}
