/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks the chunks of a heap of glibc's malloc, from the first one on: each begins with the size of
 * the chunk before it, if that is free, and its own size, the lowest bits of which are flags
 * (struct malloc_chunk, malloc/malloc.c). Whether a chunk is free says the one behind it.
 *
 * Memory is copied in windows, and a window is checked before its chunks are shown: each size is
 * possible, and each free chunk has its size at its end, too. A window that is not so was copied
 * while the target changed it, and is copied again. The windows are small where chunks are large,
 * so a chunk of megabytes is passed over in one step; and where large chunks are of one size, many
 * are (malloc/chunk_ahead.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "malloc/chunk_batch.h"
#include "malloc/heap_list.h"
#include "target/memory.h"

/* Takes some chunks. Returns 0 to go on, or what malloc_heap__walk() is to return. */
typedef int malloc_chunks_fn(const struct chunk_batch *batch, void *context);

struct chunk_walk_counts {
	uint64_t retried_windows; /* that were torn, and copied again */
	uint64_t torn_windows;	  /* of those, torn each time */
	/*
	 * Not walked: behind a chunk whose size stayed impossible, or behind a header that is left
	 * swapped out (memory__leaves()).
	 */
	uint64_t lost_bytes;
};

/*
 * Shows all chunks of the heap to @take, but for the top and the fence at the end of a heap without
 * one, in the order of addresses, and sets heap->chunks_end, which is at most the top, and this at
 * most the end, and heap->lost_bytes. A heap of the main arena that has a fence before its end is
 * cut there, and has no top then. Adds to @counts. Returns 0, what @take has returned, -EDQUOT,
 * -ENOMEM, or as memory__read_ranges().
 */
int malloc_heap__walk(struct malloc_heap *heap, const struct memory *memory, malloc_chunks_fn *take,
		      void *context, struct chunk_walk_counts *counts);

/*
 * Whether chunks of @heap may begin at @address, which is in it: they lead to its top or to a
 * fence, or on for a while. Where memory cannot be read, there are none.
 */
bool malloc_heap__may_begin_at(const struct malloc_heap *heap, const struct memory *memory,
			       uint64_t address);
