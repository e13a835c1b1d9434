// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/malloc_layout.h"

#include "heap/heap.h"
#include "malloc/chunk.h"

#define CLASS_LARGE (HEAP_CLASSES_MAX - 1)

/* The size class of a block; its size, but for the last class. */
static uint8_t class_of(uint64_t block_size)
{
	uint64_t number = (block_size - (CHUNK_BYTES_MIN - 8)) / 16;

	return number < CLASS_LARGE ? (uint8_t)number : CLASS_LARGE;
}

static void describe_class(const struct heap_layout *layout, uint8_t size_class, struct span *span)
{
	(void)layout;
	*span = (struct span){.size_class = size_class};
	if (size_class < CLASS_LARGE)
		span->block_size = CHUNK_BYTES_MIN - 8 + 16UL * size_class;
}

static uint64_t start_of_chunk(const struct heap_layout *layout, uint64_t block)
{
	(void)layout;
	return block - CHUNK_HEADER_BYTES;
}

/* The first block in [@from, @end), or where it would be if there were a chunk at @end. */
static uint64_t next_block(const struct heap *heap, uint64_t from, uint64_t end)
{
	uint64_t block = from;

	return block_map__next(heap->spans, &block, end) ? block : end + CHUNK_HEADER_BYTES;
}

/* Describes what is between the header of a heap and its first chunk, or behind the last one. */
static void describe_rest(const struct heap *heap, const struct region *region, struct span *span)
{
	uint64_t end = region->carved_end;

	if (span->address < end)
		end = next_block(heap, span->address, end) - CHUNK_HEADER_BYTES;
	if (end <= span->address)
		end = heap_layout__spans_end(&heap->layout, region);
	span->size_class = CLASS_UNKNOWN;
	span->size = end - span->address;
}

static void describe_chunk(const struct heap *heap, uint64_t address, struct span *span)
{
	const struct region *region = heap__region_around(heap, address);
	uint64_t block = address + CHUNK_HEADER_BYTES, end;

	*span = (struct span){.address = address, .size_class = CLASS_UNKNOWN};
	if (!region)
		return;
	if (block >= region->carved_end || !block_map__contains(heap->spans, block)) {
		describe_rest(heap, region, span);
		return;
	}
	/* A mapped chunk has all of its region, which may be of terabytes. */
	end = region__end(region);
	if (address > region->address || region->carved_end < end)
		end = next_block(heap, address + CHUNK_BYTES_MIN, region->carved_end) -
		      CHUNK_HEADER_BYTES;
	span->size = end - address;
	span->first_block = CHUNK_HEADER_BYTES;
	span->block_cnt = 1;
	span->block_size = end - block + (end < region__end(region) ? 8 : 0);
	span->size_class = class_of(span->block_size);
}

static const struct span_operations chunks = {
	.describe_class = describe_class,
	.start = start_of_chunk,
	.at = describe_chunk,
};

const struct heap_layout malloc_layout = {
	.map = {.alignment = CHUNK_ALIGNMENT,
		.page_bytes = MALLOC_PAGE_BYTES,
		.chunk_bytes = 1UL << 20},
	.class_cnt = HEAP_CLASSES_MAX,
	.operations = &chunks,
};
