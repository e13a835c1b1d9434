/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the chunks of an arena lie: the heaps of a thread's arena, which are mappings of up to 64
 * MiB each, linked from the last one back; and the heap of the main arena, by brk(2). That one may
 * go on elsewhere (malloc/main_pieces.h); each piece is a heap then.
 *
 * Source: malloc/arena.c (struct heap_info, sysmalloc() and heap_trim() in malloc/malloc.c) of
 * glibc 2.31 to 2.43.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "malloc/arena.h"
#include "malloc/main_arena.h"
#include "target/target.h"
#include "util/hash_map.h"

struct malloc_heap {
	uint64_t start, end;	/* addresses, end exclusive */
	uint64_t top_word;	/* address of the arena's word that says where its top is */
	uint64_t top_end;	/* where the top ends, when that was last looked at; <= end */
	uint64_t open_end;	/* a heap of a thread that has shrunk keeps the rest up to here */
	uint64_t first_chunk;	/* address */
	uint64_t top;		/* address of the arena's top chunk; 0: it is in another heap */
	uint64_t chunks_end;	/* where a walk has ended: the top, a fence, or what is damaged */
	uint64_t lost_bytes;	/* from there on, that the walk could not pass over */
	uint64_t previous;	/* where the arena's heap before starts; 0: this is the first */
	uint64_t bytes_max;	/* of a heap of a thread, which is aligned to as much */
	uint64_t hugetlb_bytes; /* size of its pages, if they are those of hugetlbfs; or 0 */
	uint64_t page_bytes;	/* by which a heap of a thread grows and shrinks; a power of two */
	bool is_main;		/* of the main arena */
	bool is_below_break;	/* the main arena's: nobody else has moved the break since */
	size_t arena;		/* its place in the list of arenas */
};

/* Zero-initialized. */
struct malloc_heap_list {
	struct malloc_heap *items;
	size_t cnt, capacity;
	struct hash_map starts; /* of all heaps: none is there twice */
};

void malloc_heap_list__release(struct malloc_heap_list *list);

/* Adds a heap. Returns 0, -EDQUOT, -ENOMEM, or -EUCLEAN: one that starts there is in the list. */
int malloc_heap_list__add(struct malloc_heap_list *list, struct account *account,
			  const struct malloc_heap *heap);

/* Sorts the heaps by address. Returns 0 or -ETIME. */
int malloc_heap_list__sort(struct malloc_heap_list *list, struct account *account);

/*
 * Adds the heaps of @arena, the arena number @number of @found; of the main arena only that by
 * brk(2). Returns 0; -EUCLEAN: they are
 * damaged, or changed meanwhile; -EDQUOT, -ENOMEM, or as memory__read_ranges().
 */
int malloc_heaps__add(struct malloc_heap_list *list, const struct target *target,
		      const struct found_malloc *found, const struct malloc_arena *arena,
		      size_t number);

/*
 * Describes the memory from @start to @end, which the main arena @arena has, all of it or up to the
 * end of its top, if that is there. Returns 0; -EUCLEAN: the top is damaged; or as memory__read().
 */
int malloc_heap__set_main(struct malloc_heap *out, const struct memory *memory,
			  const struct malloc_arena *arena, const struct arena_layout *layout,
			  uint64_t start, uint64_t end);

/*
 * Reads again where the top of a heap ends, unless it is the main arena's: the heap may have grown
 * or shrunk. Its end never comes before the one known. Returns 0 or as memory__read_ranges().
 */
int malloc_heap__reread_end(struct malloc_heap *heap, const struct memory *memory);
