// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/pymalloc_layout.h"

#include "heap/heap.h"

#define CHUNK_BYTES (1UL << 20)

static_assert(SIZE_CLASSES_MAX <= HEAP_CLASSES_MAX, "there is a row for each size class");

static void describe_class(const struct heap_layout *layout, uint8_t size_class, struct span *span)
{
	const struct geometry geometry = pymalloc_layout__geometry(layout);

	*span = (struct span){.size = geometry.pool_size, .size_class = CLASS_UNKNOWN};
	if (size_class >= layout->class_cnt)
		return;
	span->size_class = size_class;
	span->first_block = POOL_HEADER_BYTES;
	span->block_size = geometry__block_size(&geometry, size_class);
	span->block_cnt = geometry__pool_capacity(&geometry, size_class);
}

static uint64_t start_of_pool(const struct heap_layout *layout, uint64_t block)
{
	return block & ~(layout->span_size - 1);
}

static void describe_pool(const struct heap *heap, uint64_t address, struct span *span)
{
	describe_class(&heap->layout, block_map__class(heap->blocks, address), span);
	span->address = address;
}

static const struct span_operations pools = {
	.describe_class = describe_class,
	.start = start_of_pool,
	.at = describe_pool,
};

struct heap_layout pymalloc_layout__of(const struct geometry *geometry)
{
	return (struct heap_layout){
		.map = {.alignment = geometry->alignment,
			.page_bytes = geometry->pool_size,
			.chunk_bytes = CHUNK_BYTES},
		.class_cnt = geometry__class_cnt(geometry),
		.region_size = geometry->arena_size,
		.span_size = geometry->pool_size,
		.operations = &pools,
	};
}
