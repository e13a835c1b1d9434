// SPDX-License-Identifier: BSD-2-Clause
#include "sample_heap.h"

#include "unit_test.h"

const struct geometry sample_geometry = {
	.arena_size = SAMPLE_ARENA_BYTES,
	.pool_size = SAMPLE_POOL_BYTES,
	.alignment = 16,
};

const struct geometry sample_geometry_310 = {
	.arena_size = 1 << 20,
	.pool_size = 16 << 10,
	.alignment = 16,
};

struct heap *sample_heap__new_empty(const struct geometry *geometry)
{
	const struct heap_layout layout = pymalloc_layout__of(geometry);
	struct heap *heap = NULL;

	assert_int_equal(heap__new(&heap, &layout, NULL), 0);
	return heap;
}

uint64_t sample_heap__add_block(struct heap *heap, uint64_t pool, uint8_t size_class,
				uint32_t index)
{
	uint64_t address =
		pool + 48 + (uint64_t)index * (size_class + 1U) * heap->layout.map.alignment;
	bool was_live;

	assert_int_equal(block_map__set_class(heap->blocks, pool, size_class), 0);
	assert_int_equal(block_map__insert(heap->blocks, address, &was_live), 0);
	return address;
}

struct heap *sample_heap__new(void)
{
	struct heap *heap = sample_heap__new_empty(&sample_geometry);

	assert_int_equal(heap__add_region(heap, SAMPLE_A, heap->layout.region_size), 0);
	assert_int_equal(heap__add_region(heap, SAMPLE_B, heap->layout.region_size), 0);
	assert_int_equal(heap__add_region(heap, SAMPLE_C, heap->layout.region_size), 0);
	assert_int_equal(heap__add_region(heap, SAMPLE_D, heap->layout.region_size), 0);
	for (uint32_t i = 0; i < 3; i++)
		sample_heap__add_block(heap, SAMPLE_A, SAMPLE_CLASS(32), i);
	sample_heap__add_block(heap, SAMPLE_B + 3 * SAMPLE_POOL_BYTES, SAMPLE_CLASS(512), 6);
	for (uint32_t i = 0; i < 253; i++)
		sample_heap__add_block(heap, SAMPLE_B + 4 * SAMPLE_POOL_BYTES, SAMPLE_CLASS(16), i);
	for (uint32_t i = 0; i < 8 * 7; i++)
		sample_heap__add_block(heap, SAMPLE_C + i / 7 * SAMPLE_POOL_BYTES,
				       SAMPLE_CLASS(512), i % 7);
	return heap;
}
