/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chunk of glibc's malloc begins with two words: the size of the chunk before it, if that is
 * free, and its own size, whose lowest three bits are flags (struct malloc_chunk, malloc/malloc.c).
 */
#pragma once

#define CHUNK_HEADER_BYTES 16
#define CHUNK_BYTES_MIN	   32 /* MINSIZE */

#define CHUNK_FLAGS	  7UL
#define CHUNK_PREV_IN_USE 1UL
#define CHUNK_IS_MAPPED	  2UL

/* HEAP_MAX_SIZE: of a heap of a thread's arena, which is aligned to as much. */
#define MALLOC_HEAP_BYTES_MAX (64UL << 20)
#define MALLOC_PAGE_BYTES     4096UL
