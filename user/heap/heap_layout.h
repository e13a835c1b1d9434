/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How an allocator divides its memory: what pyfrag has to know of an allocator to hold an image of
 * one of its heaps, and to compute from it.
 *
 * A region consists of spans. A span is a run of blocks of one size: a pool of pymalloc, a page of
 * mimalloc. Spans of one size class are all alike. An allocator that has no spans, as glibc's
 * malloc, describes each chunk as a span of one block. Nothing here is of the same size in all
 * heaps, nor need regions or spans be of the same size within one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/block_map.h"
#include "heap/region.h"

/* The most size classes an allocator has. */
#define HEAP_CLASSES_MAX 64

struct span {
	uint64_t address, size; /* bytes */
	uint64_t block_size;
	uint32_t first_block; /* where its first block begins, bytes behind its address */
	uint32_t block_cnt;   /* how many blocks it has room for, live or not */
	uint8_t size_class;   /* CLASS_UNKNOWN: it has no blocks, or they are not known */
};

struct heap;
struct heap_layout;

struct span_operations {
	/* Fills in all of @span but its address, for a size class or CLASS_UNKNOWN. */
	void (*describe_class)(const struct heap_layout *layout, uint8_t size_class,
			       struct span *span);
	/* Where the span begins that @block is in. */
	uint64_t (*start)(const struct heap_layout *layout, uint64_t block);
	/* Fills in @span for the span that begins at @address, as @heap has it. */
	void (*at)(const struct heap *heap, uint64_t address, struct span *span);
};

struct heap_layout {
	struct block_map_layout map; /* its page_bytes: spans begin at multiples of these */
	uint32_t class_cnt;	     /* size classes; HEAP_CLASSES_MAX at most */
	/* Bytes of a region of which no more is known than the address. */
	uint64_t region_size;
	uint64_t span_size; /* bytes of each span; 0: they differ */
	const struct span_operations *operations;
};

/* Where the spans of a region begin, and where they end: whole spans only. */
static inline uint64_t heap_layout__first_span(const struct heap_layout *layout,
					       const struct region *region)
{
	return (region->address + layout->map.page_bytes - 1) &
	       ~(uint64_t)(layout->map.page_bytes - 1);
}

static inline uint64_t heap_layout__spans_end(const struct heap_layout *layout,
					      const struct region *region)
{
	return region__end(region) & ~(uint64_t)(layout->map.page_bytes - 1);
}

static inline uint64_t heap_layout__span_start(const struct heap_layout *layout, uint64_t block)
{
	return layout->operations->start(layout, block);
}

/* Bytes of a block of a size class; 0: there is no such class. */
static inline uint64_t heap_layout__block_size(const struct heap_layout *layout, uint8_t size_class)
{
	struct span span;

	layout->operations->describe_class(layout, size_class, &span);
	return span.block_size;
}
