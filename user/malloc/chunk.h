/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chunk of glibc's malloc begins with two words: the size of the chunk before it, if that is
 * free, and its own size, whose lowest three bits are flags (struct malloc_chunk, malloc/malloc.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CHUNK_ALIGNMENT	   16UL /* MALLOC_ALIGNMENT, on all 64-bit architectures */
#define CHUNK_HEADER_BYTES 16
#define CHUNK_BYTES_MIN	   32 /* MINSIZE */
/*
 * Where an arena went on elsewhere, the last 32 bytes of the memory below became two chunks that
 * are too small to be any others (sysmalloc()). A third one is before these if as much was left.
 */
#define FENCE_CHUNK_BYTES 16
#define FENCE_BYTES	  32

#define CHUNK_FLAGS	  7UL
#define CHUNK_PREV_IN_USE 1UL
#define CHUNK_IS_MAPPED	  2UL

/* The size that a word of size contains. */
static inline uint64_t chunk_word__size(uint64_t word)
{
	return word & ~CHUNK_FLAGS;
}

/*
 * HEAP_MAX_SIZE: of a heap of a thread's arena, which is aligned to as much. With huge pages
 * (glibc.malloc.hugetlb=2), it is four of these in glibc 2.35 to 2.41 (heap_max_size(), arena.c).
 */
#define MALLOC_HEAP_BYTES_MAX  (64UL << 20)
#define MALLOC_HEAP_HUGE_PAGES 4
#define MALLOC_PAGE_BYTES      4096UL

/* Whether the two words may be the header of a chunk of the main arena that none comes before. */
static inline bool chunk__may_be_first(const uint64_t *words)
{
	return !words[0] && (words[1] & CHUNK_FLAGS) == CHUNK_PREV_IN_USE &&
	       words[1] > CHUNK_BYTES_MIN;
}
