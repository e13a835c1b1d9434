/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc's malloc in a target at one moment: every chunk in its heaps, and its state. From these
 * follow the figures of malloc_info(3) and mallinfo2(3), and what malloc_trim(3) would release.
 *
 * A chunk marked as in use need not be in use by the program: fastbins and the tcaches of threads
 * keep freed chunks ready for the next request, and leave the mark.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/block_map.h"
#include "malloc/chunk_walk.h"
#include "malloc/malloc_areas.h"

/* Blocks of as much have mappings of their own at first (DEFAULT_MMAP_THRESHOLD). */
#define LARGE_BYTES (128UL << 10)

struct chunk_total {
	uint64_t cnt, bytes; /* whole chunks, with their headers */
};

/* What the memory of one arena is used for. The sum of all bytes is that of its heaps. */
struct malloc_arena_use {
	struct chunk_total in_use, free, fastbins, tcache;
	struct chunk_total large_in_use; /* of these, chunks of LARGE_BYTES and more */
	uint64_t top_bytes;
	/* The arena itself, struct heap_info, what alignment takes, and fences. */
	uint64_t overhead_bytes;
	uint64_t lost_bytes; /* not walked: damaged, changing too fast, or swapped out */
	uint64_t heap_bytes;
	/*
	 * Beside these, of the main arena: memory of others, by sbrk(2), between its heaps; and
	 * what it has got from the system outside of [heap], but was not found.
	 */
	uint64_t foreign_bytes, missing_bytes;
};

/* How the links of lists are written; the lists themselves show it. */
enum chunk_links {
	LINKS_UNKNOWN,
	LINKS_PLAIN,   /* up to glibc 2.31 */
	LINKS_MANGLED, /* XORed with their own address >> 12 (PROTECT_PTR()) */
};

enum chunk_state {
	CHUNK_IN_USE,	  /* by the program */
	CHUNK_FREE,	  /* in a bin; merged with free neighbours */
	CHUNK_IN_FASTBIN, /* merged by the next free() of 64 KiB or more, and by malloc_trim(3) */
	CHUNK_IN_TCACHE,  /* of a thread, as long as that lives */
};

/* Addresses of blocks. */
struct block_list {
	uint64_t *items;
	size_t cnt, capacity;
};

struct malloc_image {
	/*
	 * Not owned: which malloc it is of, the mapped chunks of all mallocs, and, in the image of
	 * the heap, the blocks of all chunks and of those in use by the program.
	 */
	const struct malloc_instance *instance;
	const struct mapped_chunks *mapped;
	struct block_map *chunks, *live;
	struct malloc_arena_use *arenas; /* of each of its arenas */
	enum chunk_links links;		 /* of lists of fastbins and tcaches */
	struct block_list cached, fast;	 /* those in a tcache and in a fastbin, sorted */
	struct chunk_walk_counts counts;
	uint64_t torn_lists; /* of fastbins and tcaches that changed while they were followed */
};

void malloc_image__release(struct malloc_image *image);

/* The state of the chunk whose block is at @block. */
enum chunk_state malloc_image__state_of(const struct malloc_image *image, uint64_t block);

/* What is free, in whatever list, and at the top. */
uint64_t malloc_arena_use__free_bytes(const struct malloc_arena_use *use);

/* The share of the heaps that is free, in whatever list; 0 without heaps. */
double malloc_arena_use__fragmentation(const struct malloc_arena_use *use);

/* Of all arenas. */
struct malloc_arena_use malloc_image__total(const struct malloc_image *image);
