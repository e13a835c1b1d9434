/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunks that lie one behind the other, decoded from copies of their headers. A heap may have tens
 * of millions of chunks, so they are decoded and handed over in batches, of one word for each. Most
 * are plain: their size is possible, and they end before whatever ends the heap. Only the others
 * take more than a few instructions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "malloc/chunk.h"
#include "malloc/heap_list.h"

/* The most bytes of a heap that may be decoded at once, and so many chunks are there at most. */
#define CHUNK_BATCH_BYTES_MAX (256UL << 10)
#define CHUNK_BATCH_MAX	      (CHUNK_BATCH_BYTES_MAX / CHUNK_BYTES_MIN)

/* Of a word of a batch: the chunk is in a bin. Chunks of fastbins and of a tcache are not. */
#define CHUNK_IS_FREE 1UL

static inline bool chunk_word__is_free(uint64_t word)
{
	return word & CHUNK_IS_FREE;
}

struct chunk_header {
	uint64_t previous_size, size;
};

/* What a copy of some chunks says of them. */
enum chunk_verdict {
	CHUNKS_FINE,
	CHUNKS_TORN,	/* a free chunk's size is not at its end: it was changing */
	CHUNKS_BROKEN,	/* a chunk cannot be of the size it says */
	CHUNKS_SWAPPED, /* the header of the next chunk is swapped out */
};

/* Each chunk begins where the one before it ends; its block begins 16 bytes in. */
struct chunk_batch {
	uint64_t start, end; /* addresses: where the first one begins, and the last one ends */
	uint64_t *words; /* sizes, of whole chunks, and CHUNK_IS_FREE; room for CHUNK_BATCH_MAX */
	size_t cnt;
	uint64_t free_cnt, free_bytes; /* of those with CHUNK_IS_FREE */
	uint64_t size_bits;	       /* that are set in any size: none is larger than this */
	uint64_t next_word;	       /* the word of size behind the last chunk, if there is one */
	enum chunk_verdict verdict;
};

/* Whether the header at @address in @heap, whose word of size this is, may be one. */
bool chunk__is_possible(const struct malloc_heap *heap, uint64_t address, uint64_t size_word);

/*
 * Whether the chunks end at @address: with the top, which reaches to the end of the heap and may
 * have moved since the arena was read, or with a fence.
 */
bool chunk__is_end(const struct malloc_heap *heap, uint64_t address, uint64_t size_word);

/* Makes a batch empty, that begins at @address. */
void chunk_batch__begin(struct chunk_batch *batch, uint64_t address);

/*
 * Adds the chunks that are in @window with the header of the next one: a copy of @size bytes, at
 * most CHUNK_BATCH_BYTES_MAX, from the batch's start on, where @heap may have chunks. The batch is
 * empty before.
 */
void chunk_batch__decode(struct chunk_batch *batch, const struct malloc_heap *heap,
			 const uint8_t *window, size_t size);

/* Adds a chunk whose header and that of the next one were copied. */
void chunk_batch__add(struct chunk_batch *batch, const struct chunk_header *header,
		      const struct chunk_header *next);
