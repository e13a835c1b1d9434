/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How an allocator divides its memory. This is what pyfrag has to know of an allocator to hold an
 * image of one of its heaps, and to compute from it.
 *
 * A region consists of spans. A span is a run of blocks of one size: a pool in pymalloc, a page in
 * mimalloc. All spans of one size class are alike. An allocator without spans, such as glibc's
 * malloc, describes each chunk as a span of one block. Sizes differ between heaps, and regions and
 * spans may also differ in size within one heap.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/block_map.h"
#include "heap/region.h"

/* Maximum number of size classes of an allocator. */
#define HEAP_CLASSES_MAX 64

struct span {
	uint64_t address, size; /* bytes */
	uint64_t block_size;
	uint32_t first_block; /* offset of the first block from the span's address, in bytes */
	uint32_t block_cnt;   /* number of blocks that fit, live or not */
	uint8_t size_class;   /* CLASS_UNKNOWN: it has no blocks, or they are not known */
};

struct heap;
struct heap_layout;

struct span_operations {
	/* Fills in all of @span except its address, for a size class or CLASS_UNKNOWN. */
	void (*describe_class)(const struct heap_layout *layout, uint8_t size_class,
			       struct span *span);
	/* The address of the span that contains @block. */
	uint64_t (*start)(const struct heap_layout *layout, uint64_t block);
	/* Fills in @span for the span that begins at @address, as recorded in @heap. */
	void (*at)(const struct heap *heap, uint64_t address, struct span *span);
};

struct heap_layout {
	/* Spans of one size begin at multiples of its page_bytes, others anywhere. */
	struct block_map_layout map;
	uint32_t class_cnt; /* number of size classes, at most HEAP_CLASSES_MAX */
	/* The size to assume for a region of which only the address is known, in bytes. */
	uint64_t region_size;
	uint64_t span_size; /* bytes of each span; 0: sizes differ */
	/* The allocator keeps one empty region instead of releasing it. */
	bool keeps_one_empty;
	const struct span_operations *operations;
};

/* What the addresses of spans are multiples of. */
static inline uint64_t heap_layout__span_alignment(const struct heap_layout *layout)
{
	return layout->span_size ? layout->map.page_bytes : 1;
}

/* Where the spans of a region begin and end; includes only whole spans. */
static inline uint64_t heap_layout__first_span(const struct heap_layout *layout,
					       const struct region *region)
{
	uint64_t alignment = heap_layout__span_alignment(layout);

	return (region->address + alignment - 1) & ~(alignment - 1);
}

static inline uint64_t heap_layout__spans_end(const struct heap_layout *layout,
					      const struct region *region)
{
	return region__end(region) & ~(heap_layout__span_alignment(layout) - 1);
}

static inline uint64_t heap_layout__span_start(const struct heap_layout *layout, uint64_t block)
{
	return layout->operations->start(layout, block);
}

/* Block size of a size class in bytes; 0: no such class. */
static inline uint64_t heap_layout__block_size(const struct heap_layout *layout, uint8_t size_class)
{
	struct span span;

	layout->operations->describe_class(layout, size_class, &span);
	return span.block_size;
}
