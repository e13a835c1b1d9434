/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc's malloc in a target at one moment: its arenas, their heaps, every chunk, and what state
 * each is in. What malloc says of itself (malloc_info(3), mallinfo2(3)) can be computed from it,
 * and what malloc_trim(3) would release.
 *
 * A chunk that is not free in a bin may still not be in use by the program: fastbins and the
 * threads' tcaches keep chunks to give out again, marked as in use so that they stay as they are.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heap/block_map.h"
#include "malloc/chunk_walk.h"
#include "malloc/heap_list.h"
#include "malloc/main_arena.h"
#include "malloc/mapped_chunks.h"

struct chunk_total {
	uint64_t cnt, bytes; /* whole chunks, with their headers */
};

/* What the memory of one arena is used for. The sum of all bytes is that of its heaps. */
struct malloc_arena_use {
	struct malloc_arena arena;
	struct chunk_total in_use, free, fastbins, tcache;
	uint64_t top_bytes;
	/* The arena itself, struct heap_info, what alignment takes, and fences. */
	uint64_t overhead_bytes;
	uint64_t lost_bytes; /* could not be walked: damaged, or changing too fast */
	uint64_t heap_bytes;
};

struct malloc_image {
	const struct arena_layout *layout;
	struct malloc_parameters parameters;
	struct malloc_arena_use *arenas; /* the main arena first */
	size_t arena_cnt;
	struct malloc_heap_list heaps; /* sorted by address */
	/* By the address of their block: all chunks, and those in use by the program. */
	struct block_map *chunks, *live;
	/* Addresses of blocks that are in a tcache, sorted. */
	uint64_t *cached;
	size_t cached_cnt, cached_capacity;
	struct mapped_chunks mapped;
	struct chunk_walk_counts counts;
	uint64_t damaged_arenas; /* whose heaps could not be found */
	uint64_t torn_lists;	 /* of fastbins and tcaches that changed while they were followed */
};

void malloc_image__release(struct malloc_image *image);

/* Of all arenas. */
struct malloc_arena_use malloc_image__total(const struct malloc_image *image);
