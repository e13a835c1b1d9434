/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers of large chunks, copied on a guess. Each header says where the next one is, so every
 * large chunk would take a system call. But many programs have large blocks of one size. So where a
 * large chunk comes next, its size is taken for that of the chunks behind it, and their headers are
 * copied in the same call: one at first, and twice as many whenever all were right.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "malloc/chunk_batch.h"
#include "malloc/touched_runs.h"
#include "target/memory.h"

#define CHUNKS_AHEAD_MAX 64

/* Zero-initialized. */
struct chunk_ahead {
	uint64_t chunk_bytes; /* the size that is guessed */
	size_t cnt;	      /* of the headers that are to be copied, or were */
	size_t most;	      /* to be copied at once; 0 is as 1 */
	struct chunk_header headers[CHUNKS_AHEAD_MAX];
};

/*
 * Chooses which headers to copy with a window of @window_bytes at @address, where the chunk has the
 * word of size @size_word (0: nothing is known), and sets their @ranges. None of them is in the
 * window, nor where @runs has no pages. Returns their number, up to CHUNKS_AHEAD_MAX.
 */
size_t chunk_ahead__choose(struct chunk_ahead *ahead, struct memory_range *ranges,
			   const struct malloc_heap *heap, const struct touched_runs *runs,
			   uint64_t address, uint64_t size_word, size_t window_bytes);

/* Notes which of the @ranges, as chosen, were read. */
void chunk_ahead__take(struct chunk_ahead *ahead, const struct memory_range *ranges);

/*
 * Adds the chunk with @header and those behind it to an empty batch, as far as the copied headers
 * are theirs. Adds none if the first one is not of the size that was guessed.
 */
void chunk_ahead__decode(struct chunk_ahead *ahead, struct chunk_batch *batch,
			 const struct malloc_heap *heap, const struct chunk_header *header);
