/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that glibc's malloc has: for each malloc of a process its arenas and their heaps, and
 * all chunks with a mapping of their own. Enough to say which memory is malloc's, without a look at
 * the chunks in the heaps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"
#include "malloc/arena.h"
#include "malloc/heap_list.h"
#include "malloc/main_arena.h"
#include "malloc/malloc_range.h"
#include "malloc/mapped_chunks.h"
#include "target/target.h"

/* One malloc: a process has one for each libc that is loaded and has been allocated from. */
struct malloc_instance {
	const struct arena_layout *layout;
	struct malloc_parameters parameters;
	struct malloc_arena *arenas; /* the main arena first */
	size_t arena_cnt;
	struct malloc_heap_list heaps; /* sorted by address */
	uint64_t damaged_arenas;       /* arenas whose heaps could not be found */
};

/* Zero-initialized. */
struct malloc_areas {
	struct malloc_instance items[MALLOCS_MAX];
	size_t cnt;
	bool is_cut; /* as that of struct found_mallocs */
	struct mapped_chunks mapped;
	struct malloc_range *ranges; /* all heaps and mapped chunks, sorted by address */
	size_t range_cnt, range_capacity;
};

/*
 * Finds the areas of @target, whose maps are read; regions of @other (NULL: none) are not malloc's.
 * Returns 0, -EDQUOT, -ENOMEM, or as memory__find_touched() and memory__read_ranges(). The caller
 * releases @out, also on failure.
 */
int malloc_areas__find(struct malloc_areas *out, const struct target *target,
		       const struct heap *other);

/* Lists the ranges again, after heaps were added or cut. Returns 0, -EDQUOT, -ENOMEM or -ETIME. */
int malloc_areas__list_ranges(struct malloc_areas *areas, struct account *account);
void malloc_areas__release(struct malloc_areas *areas);
