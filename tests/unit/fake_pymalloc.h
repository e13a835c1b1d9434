/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pymalloc to be looked at: a small allocator that keeps its state in a fake address space, laid
 * out as CPython's does (user/pymalloc/layout.h) and changed in the same order. What it has handed
 * out it also writes into a plain list, which nothing else looks at but the tests: that is the
 * truth.
 *
 * Of CPython's rules it follows those that show in memory: chains of free blocks are stacks, blocks
 * are carved off one by one, full pools are on no list, empty ones go back to their arena, an arena
 * with no used pool is unmapped (but, since 3.9, for one), the array of arenas doubles and moves.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fake_memory.h"
#include "pyfrag/events.h"
#include "pymalloc/geometry.h"

struct fake_options {
	struct geometry geometry;
	uint64_t table_address; /* of the used pools; mapped by the caller, like the next two */
	/* The word that points to the arena array; 0: right behind the table, as from 3.12 on. */
	uint64_t arenas_at;
	uint64_t usable_arenas_at; /* 0: nowhere to be seen */
	uint64_t arrays_address;   /* arena arrays are mapped from here on up */
	uint64_t arenas_below;	   /* arenas are mapped from here on down */
	uint32_t arena_skew;	   /* how far behind a pool's boundary they begin */
	bool keeps_empty_arena;
	bool plain_data;	  /* users write nothing that could be taken for a link */
	uint32_t steps_per_arena; /* one in so many steps frees an arena; 0: none does */
	/* Told of each change, just after it (EVENT_ARENA_UNMAP: just before). May be NULL. */
	void (*on_event)(void *context, const struct pyfrag_event *event);
	void *context;
	uint64_t seed; /* of what users write into their blocks */
};

struct fake_block {
	uint64_t address;
	uint32_t size_class;
};

struct fake_pymalloc {
	struct fake_memory *memory;
	struct fake_options options;
	struct geometry geometry;
	uint64_t arenas_at;
	uint32_t maxarenas;
	uint64_t unused_arena_objects; /* CPython has it in a variable; nobody needs to find it */
	uint64_t next_array, next_arena;
	uint64_t *holes; /* arenas that were unmapped, to be mapped again */
	size_t hole_cnt, hole_capacity;
	uint64_t random;
	/* The truth. */
	struct fake_block *blocks;
	size_t block_cnt, block_capacity;
	uint64_t *arenas;
	size_t arena_cnt, arena_capacity;
	uint64_t arenas_mapped, arenas_unmapped, new_pools, pools_freed;
};

void fake_pymalloc__init(struct fake_pymalloc *fake, struct fake_memory *memory,
			 const struct fake_options *options);
void fake_pymalloc__release(struct fake_pymalloc *fake);

/* Allocates @size bytes (1 to 512). Returns the block's address. */
uint64_t fake_pymalloc__alloc(struct fake_pymalloc *fake, uint32_t size);

void fake_pymalloc__free(struct fake_pymalloc *fake, uint64_t address);

/* Frees the block at @index of the truth; the last takes its place. */
void fake_pymalloc__free_at(struct fake_pymalloc *fake, size_t index);

/* Frees all blocks that lie in the arena at @address. */
void fake_pymalloc__free_arena(struct fake_pymalloc *fake, uint64_t address);

/*
 * An allocation, or a free of some block, so that there are about @target_cnt; or, if the options
 * say so, all blocks of an arena are freed.
 */
void fake_pymalloc__step(struct fake_pymalloc *fake, size_t target_cnt);

struct pool_header *fake_pymalloc__pool(const struct fake_pymalloc *fake, uint64_t address);
struct arena_object *fake_pymalloc__slot(const struct fake_pymalloc *fake, uint32_t index);

/* What the truth amounts to; fields as in struct heap_totals. */
struct fake_totals {
	uint64_t arenas, arena_bytes;
	uint64_t live_blocks, live_bytes, free_block_bytes, free_pool_bytes, overhead_bytes;
	struct fake_class_totals {
		uint64_t pools, live_blocks, free_blocks;
	} classes[SIZE_CLASSES_MAX];
};

/* Adds up, from the list of blocks alone. */
void fake_pymalloc__add_totals(const struct fake_pymalloc *fake, struct fake_totals *totals);
