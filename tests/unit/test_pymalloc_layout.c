// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/pymalloc_layout.h"

#include "fake_target.h"
#include "heap/heap.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define ARENA 0x7f3b58400000UL

static void test_geometry_is_what_it_was_made_of(void **state)
{
	(void)state;
	for (size_t i = 0; i < FAKE_GEOMETRY_CNT; i++) {
		const struct heap_layout layout = pymalloc_layout__of(&FAKE_GEOMETRIES[i]);
		const struct geometry geometry = pymalloc_layout__geometry(&layout);

		assert_memory_equal(&geometry, &FAKE_GEOMETRIES[i], sizeof(geometry));
	}
}

/* In arenas that begin at a pool's address, and in others, which hold a pool less. */
static void check_pools(const struct geometry *geometry, uint64_t address)
{
	_cleanup_(heap__freep) struct heap *heap = NULL;
	uint64_t pool = geometry__first_pool(geometry, address), random = 3;
	struct span span = {};
	uint32_t cnt = 0;

	assert_int_equal(heap__new(&heap, LAYOUT_OF(geometry), NULL), 0);
	assert_int_equal(heap__add_region(heap, address, geometry->arena_size), 0);
	while (heap__next_span(heap, &heap->regions[0], &span)) {
		uint8_t size_class = (uint8_t)prng__below(&random, geometry__class_cnt(geometry));

		assert_int_equal(span.address, pool);
		assert_int_equal(span.size, geometry->pool_size);
		assert_int_equal(span.size_class, CLASS_UNKNOWN);
		assert_int_equal(span.block_cnt, 0);
		assert_int_equal(block_map__set_class(heap->blocks, pool, size_class), 0);
		heap__span_at(heap, pool, &span);
		assert_int_equal(span.size_class, size_class);
		assert_int_equal(span.block_size, geometry__block_size(geometry, size_class));
		assert_int_equal(span.block_cnt, geometry__pool_capacity(geometry, size_class));
		assert_int_equal(span.first_block, POOL_HEADER_BYTES);
		assert_int_equal(heap_layout__span_start(&heap->layout, pool), pool);
		assert_int_equal(heap_layout__span_start(&heap->layout,
							 pool + geometry->pool_size - 1),
				 pool);
		pool += geometry->pool_size;
		cnt++;
	}
	assert_int_equal(cnt, geometry__arena_pools(geometry, address));
}

static void test_pools_of_an_arena(void **state)
{
	(void)state;
	for (size_t i = 0; i < FAKE_GEOMETRY_CNT; i++) {
		check_pools(&FAKE_GEOMETRIES[i], ARENA);
		check_pools(&FAKE_GEOMETRIES[i], ARENA + 2048);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_geometry_is_what_it_was_made_of),
		cmocka_unit_test(test_pools_of_an_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
