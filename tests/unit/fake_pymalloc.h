/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pymalloc for tests: a small allocator that keeps its state in a fake address space, in
 * CPython's layout (user/pymalloc/layout.h), and changes it in the same order. It also records
 * every allocation in a plain list, which only the tests read: this list is the ground truth.
 *
 * It follows those rules of CPython that are visible in memory: free lists of blocks are stacks,
 * blocks are carved one by one, full pools are on no list, empty pools return to their arena, an
 * arena without used pools is unmapped (except one, since 3.9), the array of arenas doubles and
 * moves.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fake_memory.h"
#include "pyfrag/events.h"
#include "pymalloc/geometry.h"
#include "pymalloc/pymalloc_layout.h"

/* The layout of heaps of a geometry, for as long as the block lasts that this stands in. */
#define LAYOUT_OF(geometry) ((const struct heap_layout[]){pymalloc_layout__of(geometry)})

struct fake_options {
	struct geometry geometry;
	uint64_t table_address; /* of usedpools; mapped by the caller, like the next two */
	/* The word that points to the arena array; 0: directly after usedpools, as from 3.12 on. */
	uint64_t arenas_at;
	uint64_t usable_arenas_at; /* 0: not in memory */
	uint64_t arrays_address;   /* arena arrays are mapped upwards from here */
	uint64_t arenas_below;	   /* arenas are mapped downwards from here */
	uint32_t arena_skew;	   /* offset of arenas from a pool boundary */
	bool keeps_empty_arena;
	bool plain_data;	  /* users write no words that resemble links */
	uint32_t steps_per_arena; /* one in this many steps frees an arena; 0: never */
	/* Called just after each change (EVENT_ARENA_UNMAP: just before). May be NULL. */
	void (*on_event)(void *context, const struct pyfrag_event *event);
	void *context;
	uint64_t seed; /* of the data that users write into their blocks */
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
	uint64_t unused_arena_objects; /* a variable of CPython that no reader needs to find */
	uint64_t next_array, next_arena;
	uint64_t *holes; /* arenas that were unmapped, to be mapped again */
	size_t hole_cnt, hole_capacity;
	uint64_t random;
	/* The ground truth. */
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

/* Frees the block at @index of the ground truth; the last block takes that index. */
void fake_pymalloc__free_at(struct fake_pymalloc *fake, size_t index);

/* Frees all blocks in the arena at @address. */
void fake_pymalloc__free_arena(struct fake_pymalloc *fake, uint64_t address);

/*
 * Allocates a block or frees one, so that about @target_cnt blocks are live; or, if the options say
 * so, frees all blocks of an arena.
 */
void fake_pymalloc__step(struct fake_pymalloc *fake, size_t target_cnt);

struct pool_header *fake_pymalloc__pool(const struct fake_pymalloc *fake, uint64_t address);
struct arena_object *fake_pymalloc__slot(const struct fake_pymalloc *fake, uint32_t index);

/* The totals of the ground truth; fields as in struct heap_totals. */
struct fake_totals {
	uint64_t arenas, arena_bytes;
	uint64_t live_blocks, live_bytes, free_block_bytes, free_pool_bytes, overhead_bytes;
	struct fake_class_totals {
		uint64_t pools, live_blocks, free_blocks;
	} classes[SIZE_CLASSES_MAX];
};

/* Computes the totals from the list of blocks alone. */
void fake_pymalloc__add_totals(const struct fake_pymalloc *fake, struct fake_totals *totals);
