/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap as pyfrag holds it, at one moment: the arenas, and which blocks are live. Everything that
 * is reported of a heap is computed from these two.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pymalloc/arena_table.h"
#include "heap/block_map.h"
#include "pymalloc/geometry.h"
#include "pymalloc/pool.h"

struct heap {
	struct geometry geometry;
	struct arena *arenas; /* sorted by address, none overlaps another */
	size_t arena_cnt, arena_capacity;
	struct block_map *blocks;
	struct block_places *places;
	struct account *account; /* what is made from the heap takes its memory there, too */
	uint32_t readings;	 /* how often it was brought up to date from memory */
};

/* An empty heap, whose memory is @account's. Returns 0, -ENOMEM or -EDQUOT; the caller frees it. */
int heap__new(struct heap **out, const struct geometry *geometry, struct account *account);
void heap__free(struct heap *heap);
void heap__freep(struct heap **heap);

/* The arena that begins at @address, or NULL. */
struct arena *heap__find_arena(const struct heap *heap, uint64_t address);

/* The arena that holds @address, or NULL. */
struct arena *heap__arena_around(const struct heap *heap, uint64_t address);

/*
 * Adds an arena without a live block; one that begins at the same address is replaced. Returns 0,
 * -EINVAL if it overlaps another, -ENOMEM or -EDQUOT.
 */
int heap__add_arena(struct heap *heap, uint64_t address);

/* Forgets an arena and the blocks in it. Returns 0 or -ENOENT. */
int heap__remove_arena(struct heap *heap, uint64_t address);

/* Forgets the blocks in the arena that is, or was, at @address. */
void heap__forget_blocks(struct heap *heap, uint64_t address);

/*
 * Has the pools of the arena at @address read again by the next checkpoint__update(), changed or
 * not.
 */
void heap__forget_stamps(struct heap *heap, uint64_t address);

struct heap_totals { /* arena_bytes is the sum of the four other bytes */
	uint64_t arenas, arena_bytes;
	uint64_t live_blocks, live_bytes;
	uint64_t free_block_bytes; /* in pools with a live block */
	uint64_t free_pool_bytes;  /* whole pools */
	uint64_t overhead_bytes; /* pool headers, tails of pools, ends of arenas no pool fits in */
	/*
	 * Live blocks that no pool of their size class can have at that place, and pools whose
	 * class is not known: both are 0 unless the heap image is damaged. Such pools count as
	 * overhead.
	 */
	uint64_t stray_blocks, unclassified_pools;
};

struct size_class_totals {
	uint32_t block_size;
	uint64_t pools, live_blocks, free_blocks;
};

struct arena_totals {
	uint64_t address;
	uint32_t live_blocks;
	uint32_t live_bytes;
};

struct heap_measure {
	struct heap_totals totals;
	struct size_class_totals classes[SIZE_CLASSES_MAX];
	uint32_t class_cnt;
	struct arena_totals *arenas; /* as in the heap, heap->arena_cnt of them */
};

/* Counts. Returns 0, -ENOMEM, -EDQUOT or -ETIME; the caller frees the measure. */
int heap__measure(const struct heap *heap, struct heap_measure *out);
void heap_measure__free(struct heap_measure *measure);

/* 1 - live_bytes / arena_bytes; 0 without arenas. */
double heap_totals__fragmentation(const struct heap_totals *totals);
