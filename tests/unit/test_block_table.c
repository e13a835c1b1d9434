// SPDX-License-Identifier: BSD-2-Clause
#include "census/block_table.h"

#include "fake_target.h"
#include "malloc/malloc_layout.h"
#include "prng.h"
#include "sample_heap.h"
#include "unit_test.h"
#include "util/cleanup.h"

static void test_sample_heap(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new();
	struct block_table table;
	uint32_t place;

	(void)state;
	assert_int_equal(block_table__init(&table, heap), 0);
	assert_int_equal(table.span_cnt, 1 + 2 + 8);
	assert_int_equal(table.place_cnt, 126 + 7 + 253 + 8 * 7);
	/* The second block of A, by its first and its last byte. */
	place = block_table__find(&table, SAMPLE_A + 48 + 32);
	assert_int_equal(place, 1);
	assert_int_equal(block_table__find(&table, SAMPLE_A + 48 + 63), 1);
	assert_int_equal(block_table__find(&table, SAMPLE_A + 48 + 64), 2);
	assert_int_equal(block_table__address(&table, place), SAMPLE_A + 48 + 32);
	assert_int_equal(block_table__span_of(&table, place)->block_size, 32);
	/* Header, tail, a free pool, an arena without pools, outside of arenas. */
	assert_int_equal(block_table__find(&table, SAMPLE_A + 47), PLACE_NONE);
	assert_int_equal(block_table__find(&table, SAMPLE_A + 4096 - 1), PLACE_NONE);
	assert_int_equal(block_table__find(&table, SAMPLE_A + 2 * 4096 + 48), PLACE_NONE);
	assert_int_equal(block_table__find(&table, SAMPLE_D + 48), PLACE_NONE);
	assert_int_equal(block_table__find(&table, 0), PLACE_NONE);
	assert_int_equal(block_table__find(&table, UINT64_MAX), PLACE_NONE);
	assert_true(table.start <= SAMPLE_A && table.end > SAMPLE_C + 7 * 4096);
	block_table__release(&table);
}

static void test_empty_heap(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new_empty(&sample_geometry);
	struct block_table table;

	(void)state;
	assert_int_equal(block_table__init(&table, heap), 0);
	assert_int_equal(table.place_cnt, 0);
	assert_int_equal(block_table__find(&table, SAMPLE_A + 48), PLACE_NONE);
	block_table__release(&table);
}

/*
 * Every block of random pools, in all geometries: places are in the order of addresses and convert
 * back to them.
 */
static void test_places_and_addresses(void **state)
{
	uint64_t random = 5;

	(void)state;
	for (size_t g = 0; g < FAKE_GEOMETRY_CNT; g++) {
		const struct geometry *geometry = &FAKE_GEOMETRIES[g];
		_cleanup_(heap__freep) struct heap *heap = sample_heap__new_empty(geometry);
		uint64_t arena = 0x7f1200000000UL, last = 0;
		struct block_table table;

		for (uint32_t a = 0; a < 5; a++, arena += 3UL * geometry->arena_size) {
			assert_int_equal(heap__add_region(heap, arena, heap->layout.region_size),
					 0);
			for (uint32_t p = 0; p < 10; p++)
				sample_heap__add_block(heap, arena + p * 3UL * geometry->pool_size,
						       (uint8_t)prng__below(&random,
									    geometry__class_cnt(
										    geometry)),
						       0);
		}
		assert_int_equal(block_table__init(&table, heap), 0);
		assert_int_equal(table.span_cnt, 50);
		for (uint32_t place = 0; place < table.place_cnt; place++) {
			uint64_t address = block_table__address(&table, place);
			uint64_t size = block_table__span_of(&table, place)->block_size;

			assert_true(address > last);
			last = address;
			assert_int_equal(block_table__find(&table, address), place);
			assert_int_equal(block_table__find(&table,
							   address + prng__below(&random, size)),
					 place);
		}
		block_table__release(&table);
	}
}

#define CHUNKS	   2000
#define HEAP	   0x7f1200000000UL
#define HEAP_BYTES (8UL << 20)

/* Makes a heap of malloc of chunks of random sizes, a third of them free. *end: of the last one. */
static void add_chunks(struct heap *heap, uint64_t *addresses, bool *live, uint64_t *end)
{
	uint64_t random = 7, at = HEAP + 0x8b0;
	bool was_there;

	assert_int_equal(heap__add_region(heap, HEAP, HEAP_BYTES), 0);
	for (size_t i = 0; i < CHUNKS; i++) {
		uint64_t most = prng__below(&random, 20) ? 40 : 3000;

		addresses[i] = at;
		live[i] = prng__below(&random, 3) != 0;
		assert_int_equal(block_map__insert(heap->spans, at + 16, &was_there), 0);
		if (live[i])
			assert_int_equal(block_map__insert(heap->blocks, at + 16, &was_there), 0);
		at += 32 + 16 * prng__below(&random, most);
	}
	*end = at;
	assert_true(at < HEAP + HEAP_BYTES);
	heap->regions[0].carved_end = at;
}

/* Each block is a span of its own: many lie in one page, and one may extend over many. */
static void test_chunks_of_malloc(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = NULL;
	uint64_t addresses[CHUNKS + 1];
	struct block_table table;
	bool live[CHUNKS];
	uint32_t cnt = 0;

	(void)state;
	assert_int_equal(heap__new(&heap, &malloc_layout, NULL), 0);
	add_chunks(heap, addresses, live, &addresses[CHUNKS]);
	assert_int_equal(block_table__init(&table, heap), 0);
	for (size_t i = 0; i < CHUNKS; i++) {
		uint64_t block = addresses[i] + 16, size = addresses[i + 1] - block + 8;
		uint32_t place = live[i] ? cnt++ : PLACE_NONE;

		assert_int_equal(block_table__find(&table, block), place);
		assert_int_equal(block_table__find(&table, block + size - 9), place);
		assert_int_equal(block_table__find(&table, block - 1), PLACE_NONE);
		if (!live[i])
			continue;
		assert_int_equal(block_table__address(&table, place), block);
		assert_int_equal(block_table__span_of(&table, place)->block_size, size);
	}
	assert_int_equal(table.place_cnt, cnt);
	assert_int_equal(block_table__find(&table, HEAP + 0x8a0), PLACE_NONE);
	assert_int_equal(block_table__find(&table, HEAP + HEAP_BYTES - 8), PLACE_NONE);
	block_table__release(&table);
}

#define LARGE	    0x100000000000UL
#define LARGE_BYTES (1UL << 44)

/* A block of terabytes, of which nothing but the start may be known, and a small one behind it. */
static void test_huge_block(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = NULL;
	struct heap_measure measure;
	struct block_table table;
	bool was_there;

	(void)state;
	assert_int_equal(heap__new(&heap, &malloc_layout, NULL), 0);
	for (size_t i = 0; i < 2; i++) {
		uint64_t at = LARGE + i * LARGE_BYTES, size = i ? 8192 : LARGE_BYTES;

		assert_int_equal(heap__add_region(heap, at, size), 0);
		heap->regions[i].carved_end = at + size;
		assert_int_equal(block_map__insert(heap->spans, at + 16, &was_there), 0);
		assert_int_equal(block_map__insert(heap->blocks, at + 16, &was_there), 0);
	}
	assert_int_equal(heap__measure(heap, &measure), 0);
	assert_int_equal(measure.totals.live_bytes, LARGE_BYTES + 8192 - 2 * 16);
	heap_measure__free(&measure);
	assert_int_equal(block_table__init(&table, heap), 0);
	assert_int_equal(table.place_cnt, 2);
	assert_int_equal(block_table__find(&table, LARGE + 16), 0);
	assert_int_equal(block_table__find(&table, LARGE + LARGE_BYTES / 2), 0);
	assert_int_equal(block_table__find(&table, LARGE + LARGE_BYTES - 1), 0);
	assert_int_equal(block_table__find(&table, LARGE + LARGE_BYTES), PLACE_NONE);
	assert_int_equal(block_table__find(&table, LARGE + LARGE_BYTES + 16), 1);
	assert_int_equal(block_table__find(&table, LARGE + LARGE_BYTES + 8191), 1);
	assert_int_equal(block_table__find(&table, LARGE + LARGE_BYTES + 8192), PLACE_NONE);
	assert_int_equal(block_table__find(&table, LARGE - 1), PLACE_NONE);
	block_table__release(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample_heap),
		cmocka_unit_test(test_empty_heap),
		cmocka_unit_test(test_places_and_addresses),
		cmocka_unit_test(test_chunks_of_malloc),
		cmocka_unit_test(test_huge_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
