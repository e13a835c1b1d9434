/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image of a heap at one moment: its regions, and which blocks are live. Everything that is
 * reported about a heap is computed from these two.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heap/block_map.h"
#include "heap/block_places.h"
#include "heap/heap_layout.h"
#include "heap/region.h"

struct heap {
	struct heap_layout layout;
	struct region *regions; /* sorted by address, none overlaps another */
	size_t region_cnt, region_capacity;
	struct block_map *blocks;
	struct block_places *places;
	struct account *account; /* also for what is made from the heap */
	uint32_t readings;	 /* how often it was brought up to date from memory */
};

/* An empty heap, whose memory is @account's. Returns 0, -ENOMEM or -EDQUOT; the caller frees it. */
int heap__new(struct heap **out, const struct heap_layout *layout, struct account *account);
void heap__free(struct heap *heap);
void heap__freep(struct heap **heap);

/* The region that begins at @address, or NULL. */
struct region *heap__find_region(const struct heap *heap, uint64_t address);

/* The region that holds @address, or NULL. */
struct region *heap__region_around(const struct heap *heap, uint64_t address);

/*
 * Adds a region of @size bytes without a live block; one that begins at the same address is
 * replaced. Returns 0, -EINVAL if it overlaps another, -ENOMEM or -EDQUOT.
 */
int heap__add_region(struct heap *heap, uint64_t address, uint64_t size);

/* Forgets a region and the blocks in it. Returns 0 or -ENOENT. */
int heap__remove_region(struct heap *heap, uint64_t address);

/* Forgets the blocks in @region, which need not be one of the heap's. */
void heap__forget_blocks(struct heap *heap, const struct region *region);

/* Has the spans of @region read again by the next update from memory, changed or not. */
void heap__forget_stamps(struct heap *heap, const struct region *region);

/*
 * Frees what the map of blocks holds where none of @regions (sorted by address, @cnt of them) is,
 * and checks that the account has room for the blocks in all of them, up to their carved_end.
 * Returns 0 or -EDQUOT. To be called before regions are read: so a target whose regions move costs
 * no more than one whose regions stay, and a limit is found before half of a long reading is done.
 */
int heap__make_room(struct heap *heap, const struct region *regions, size_t cnt);

/*
 * Goes on to the next span of @region; the first one if @span is zeroed. Returns false behind the
 * last one.
 */
bool heap__next_span(const struct heap *heap, const struct region *region, struct span *span);

/* The span that begins at @address. */
static inline void heap__span_at(const struct heap *heap, uint64_t address, struct span *span)
{
	heap->layout.operations->at(heap, address, span);
}

struct heap_totals { /* region_bytes is the sum of the four other bytes */
	uint64_t regions, region_bytes;
	uint64_t live_blocks, live_bytes;
	uint64_t free_block_bytes; /* in spans with a live block */
	uint64_t free_span_bytes;  /* whole spans */
	uint64_t overhead_bytes;   /* what of spans is no block, ends of regions no span fits in */
	/*
	 * Live blocks that no span of their size class can have at that place, and spans whose
	 * class is not known: both are 0 unless the heap image is damaged. Such spans count as
	 * overhead.
	 */
	uint64_t stray_blocks, unclassified_spans;
};

struct size_class_totals {
	uint64_t block_size;
	uint64_t spans, live_blocks, free_blocks;
};

struct region_totals {
	uint64_t address, size;
	uint64_t live_bytes;
	uint32_t live_blocks;
};

struct heap_measure {
	struct heap_totals totals;
	struct size_class_totals classes[HEAP_CLASSES_MAX];
	uint32_t class_cnt;
	struct region_totals *regions; /* as in the heap, heap->region_cnt of them */
};

/* Counts. Returns 0, -ENOMEM, -EDQUOT or -ETIME; the caller frees the measure. */
int heap__measure(const struct heap *heap, struct heap_measure *out);
void heap_measure__free(struct heap_measure *measure);

/* 1 - live_bytes / region_bytes; 0 without regions. */
double heap_totals__fragmentation(const struct heap_totals *totals);
