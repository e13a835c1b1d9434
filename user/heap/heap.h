/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image of a heap at one moment: its regions and which blocks are live. Everything that is
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
	struct region *regions; /* sorted by address, without overlaps */
	size_t region_cnt, region_capacity;
	struct block_map *blocks;
	/* The block of each span, live or not, if spans differ in size; else NULL. */
	struct block_map *spans;
	struct block_places *places;
	struct account *account; /* also for everything computed from the heap */
	uint32_t readings;	 /* how often it was updated from memory */
};

/*
 * Creates an empty heap, whose memory comes from @account. Returns 0, -ENOMEM or -EDQUOT; the
 * caller frees it.
 */
int heap__new(struct heap **out, const struct heap_layout *layout, struct account *account);
void heap__free(struct heap *heap);
void heap__freep(struct heap **heap);

/* The region that begins at @address, or NULL. */
struct region *heap__find_region(const struct heap *heap, uint64_t address);

/* The region that contains @address, or NULL. */
struct region *heap__region_around(const struct heap *heap, uint64_t address);

/*
 * Adds a region of @size bytes without live blocks. Replaces one that begins at the same address.
 * Returns 0, -EINVAL if it overlaps another one, -ENOMEM or -EDQUOT.
 */
int heap__add_region(struct heap *heap, uint64_t address, uint64_t size);

/* Removes a region and the blocks in it. Returns 0 or -ENOENT. */
int heap__remove_region(struct heap *heap, uint64_t address);

/* Removes all regions, and frees what the maps of blocks take up. */
void heap__clear(struct heap *heap);

/* Removes the blocks in @region, which need not be one of the heap's. */
void heap__forget_blocks(struct heap *heap, const struct region *region);

/* Makes the next update from memory read all spans of @region, even unchanged ones. */
void heap__forget_stamps(struct heap *heap, const struct region *region);

/*
 * Frees the parts of the block map in which none of @regions (sorted by address, @cnt of them)
 * lies, and checks that the account has room for the blocks in all of them, up to their carved_end.
 * Returns 0 or -EDQUOT. Call it before regions are read: then a target whose regions move costs no
 * more than one whose regions stay, and a limit is found before a long reading is half done.
 */
int heap__make_room(struct heap *heap, const struct region *regions, size_t cnt);

/*
 * Advances to the next span of @region, or to the first one if @span is zeroed. Returns false after
 * the last one.
 */
bool heap__next_span(const struct heap *heap, const struct region *region, struct span *span);

/* Describes the span that begins at @address. */
static inline void heap__span_at(const struct heap *heap, uint64_t address, struct span *span)
{
	heap->layout.operations->at(heap, address, span);
}

struct heap_totals { /* region_bytes is the sum of the other five byte counts */
	uint64_t regions, region_bytes;
	uint64_t live_blocks, live_bytes;
	uint64_t free_block_bytes; /* in spans with at least one live block */
	uint64_t free_span_bytes;  /* of entirely free spans */
	uint64_t overhead_bytes;   /* in spans but not in blocks; in regions but not in spans */
	uint64_t unread_spans, unread_bytes; /* not read: CLASS_UNREAD */
	/*
	 * Live blocks at addresses that their span's size class does not allow, and spans of
	 * unknown class. Both are 0 unless the heap image is damaged. Such spans count as overhead.
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
	uint64_t unread_bytes; /* of spans that were not read: they may hold live blocks, too */
	uint32_t live_blocks;
};

struct heap_measure {
	struct heap_totals totals;
	struct size_class_totals classes[HEAP_CLASSES_MAX];
	uint32_t class_cnt;
	struct region_totals *regions; /* in the heap's order, heap->region_cnt of them */
};

/* Measures the heap. Returns 0, -ENOMEM, -EDQUOT or -ETIME; the caller frees the measure. */
int heap__measure(const struct heap *heap, struct heap_measure *out);
void heap_measure__free(struct heap_measure *measure);

/* 1 - live_bytes / (region_bytes - unread_bytes); 0 without regions. */
double heap_totals__fragmentation(const struct heap_totals *totals);
