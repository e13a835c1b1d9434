// SPDX-License-Identifier: BSD-2-Clause
#include "heap/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_target.h"
#include "prng.h"
#include "pymalloc/pool.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define FIRST 0x7f3b50000000UL

static struct heap *new_heap(const struct geometry *geometry)
{
	struct heap *heap;

	assert_int_equal(heap__new(&heap, LAYOUT_OF(geometry), NULL), 0);
	return heap;
}

static void check_sum(const struct heap_totals *totals)
{
	assert_int_equal(totals->region_bytes, totals->live_bytes + totals->free_block_bytes +
						       totals->free_span_bytes +
						       totals->overhead_bytes);
}

static void test_empty_heap(void **state)
{
	struct heap *heap = new_heap(&FAKE_GEOMETRIES[2]);
	struct heap_measure measure;

	(void)state;
	assert_int_equal(heap__measure(heap, &measure), 0);
	assert_int_equal(measure.totals.regions, 0);
	assert_int_equal(measure.totals.region_bytes, 0);
	assert_int_equal(measure.class_cnt, 32);
	assert_true(heap_totals__fragmentation(&measure.totals) == 0.0);
	check_sum(&measure.totals);
	heap_measure__free(&measure);
	heap__free(heap);
}

/* Computed by hand. */
static void test_measures_one_small_heap(void **state)
{
	struct heap *heap = new_heap(&FAKE_GEOMETRIES[2]);
	uint64_t live[16] = {};
	struct heap_measure measure;

	(void)state;
	/* 63 pools of 16 KiB: the arena begins a page after a pool boundary. */
	assert_int_equal(heap__add_region(heap, FIRST + 4096, heap->layout.region_size), 0);
	/* Blocks of 48 bytes, 340 to a pool; the first, the second and the last are live. */
	live[0] = 1UL << 3 | 1UL << 6;
	live[(3 + 339 * 3) / 64] |= 1UL << (3 + 339 * 3) % 64;
	assert_int_equal(block_map__set_span(heap->blocks, FIRST + 16384, 2, 0, live, 16), 0);
	assert_int_equal(heap__measure(heap, &measure), 0);
	assert_int_equal(measure.totals.regions, 1);
	assert_int_equal(measure.totals.region_bytes, 1 << 20);
	assert_int_equal(measure.totals.live_blocks, 3);
	assert_int_equal(measure.totals.live_bytes, 3 * 48);
	assert_int_equal(measure.totals.free_block_bytes, 337 * 48);
	assert_int_equal(measure.totals.free_span_bytes, 62 * 16384);
	assert_int_equal(measure.totals.overhead_bytes, 16384 + 48 + (16336 - 340 * 48));
	assert_int_equal(measure.totals.stray_blocks, 0);
	assert_int_equal(measure.totals.unclassified_spans, 0);
	assert_int_equal(measure.classes[2].block_size, 48);
	assert_int_equal(measure.classes[2].spans, 1);
	assert_int_equal(measure.classes[2].live_blocks, 3);
	assert_int_equal(measure.classes[2].free_blocks, 337);
	assert_int_equal(measure.regions[0].address, FIRST + 4096);
	assert_int_equal(measure.regions[0].live_blocks, 3);
	assert_int_equal(measure.regions[0].live_bytes, 144);
	assert_true(heap_totals__fragmentation(&measure.totals) == 1.0 - 144.0 / 1048576.0);
	heap_measure__free(&measure);
	heap__free(heap);
}

/* The expected values of the random heap below, counted while it is made. */
struct expected {
	uint64_t live_blocks, live_bytes, strays, unclassified, used_pools;
	uint64_t class_pools[SIZE_CLASSES_MAX], class_live[SIZE_CLASSES_MAX];
};

/* Adds a pool: some blocks, and possibly some bits where no block can be. */
static void add_random_pool(struct heap *heap, uint64_t pool, bool damaged, uint64_t *random,
			    struct expected *expected)
{
	const struct geometry geometry = pymalloc_layout__geometry(&heap->layout);
	uint32_t class_cnt = 512 / geometry.alignment, class = prng__below(random, class_cnt);
	uint32_t size = (class + 1) * geometry.alignment, live_cnt = 0, stray_cnt = 0;
	uint32_t capacity = (geometry.pool_size - 48) / size, percent = prng__below(random, 101);
	bool unknown = damaged && prng__below(random, 4) == 0;
	uint64_t live[POOL_WORDS_MAX] = {};

	for (uint32_t at = 0; at < geometry.pool_size; at += geometry.alignment) {
		bool place = at >= 48 && (at - 48) % size == 0 && (at - 48) / size < capacity;
		uint32_t unit = at / geometry.alignment;

		if (prng__below(random, 100) >= percent || (!place && !damaged))
			continue;
		live[unit / 64] |= 1UL << unit % 64;
		live_cnt += place;
		stray_cnt += !place;
	}
	assert_int_equal(block_map__set_span(heap->blocks, pool,
					     unknown ? CLASS_UNKNOWN : (uint8_t) class, 0, live,
					     geometry.pool_size / geometry.alignment / 64),
			 0);
	if (!(live_cnt + stray_cnt))
		return;
	expected->used_pools++;
	expected->unclassified += unknown;
	if (unknown)
		return;
	expected->live_blocks += live_cnt;
	expected->live_bytes += (uint64_t)live_cnt * size;
	expected->strays += stray_cnt;
	expected->class_pools[class]++;
	expected->class_live[class] += live_cnt;
}

static void check_random_heap(const struct geometry *geometry, bool damaged, uint64_t seed)
{
	struct heap *heap = new_heap(geometry);
	uint64_t all_pools = 0, free_bytes, in_arenas = 0;
	struct expected expected = {};
	struct heap_measure measure;

	for (uint64_t i = 0; i < 6; i++) {
		uint64_t address = FIRST + i * (3UL << 20) + prng__below(&seed, 2) * 4096;
		uint64_t pool = (address + geometry->pool_size - 1) / geometry->pool_size *
				geometry->pool_size;
		uint64_t end = address + geometry->arena_size;

		assert_int_equal(heap__add_region(heap, address, heap->layout.region_size), 0);
		for (; pool + geometry->pool_size <= end; pool += geometry->pool_size, all_pools++)
			if (prng__below(&seed, 3))
				add_random_pool(heap, pool, damaged, &seed, &expected);
	}
	assert_int_equal(heap__measure(heap, &measure), 0);
	check_sum(&measure.totals);
	assert_int_equal(measure.totals.region_bytes, 6UL * geometry->arena_size);
	assert_int_equal(measure.totals.live_blocks, expected.live_blocks);
	assert_int_equal(measure.totals.live_bytes, expected.live_bytes);
	assert_int_equal(measure.totals.stray_blocks, expected.strays);
	assert_int_equal(measure.totals.unclassified_spans, expected.unclassified);
	free_bytes = (all_pools - expected.used_pools) * geometry->pool_size;
	assert_int_equal(measure.totals.free_span_bytes, free_bytes);
	for (uint32_t c = 0; c < measure.class_cnt; c++) {
		uint64_t size = (c + 1) * geometry->alignment;
		uint64_t capacity = (geometry->pool_size - 48) / size;

		assert_int_equal(measure.classes[c].spans, expected.class_pools[c]);
		assert_int_equal(measure.classes[c].live_blocks, expected.class_live[c]);
		assert_int_equal(measure.classes[c].free_blocks,
				 expected.class_pools[c] * capacity - expected.class_live[c]);
	}
	for (size_t i = 0; i < heap->region_cnt; i++)
		in_arenas += measure.regions[i].live_bytes;
	assert_int_equal(in_arenas, expected.live_bytes);
	heap_measure__free(&measure);
	heap__free(heap);
}

static void test_bytes_add_up_in_every_heap(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 24; seed++)
		check_random_heap(&FAKE_GEOMETRIES[seed % FAKE_GEOMETRY_CNT], false, seed);
}

/* Stray bits and pools of no known class are counted as such, and the bytes still add up. */
static void test_bytes_add_up_in_damaged_heaps(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 24; seed++)
		check_random_heap(&FAKE_GEOMETRIES[seed % FAKE_GEOMETRY_CNT], true, seed + 100);
}

/* A live block outside of all arenas (reported by an event) is in no total. */
static void test_blocks_outside_of_arenas_do_not_count(void **state)
{
	struct heap *heap = new_heap(&FAKE_GEOMETRIES[1]);
	struct heap_measure measure;
	bool was_live;

	(void)state;
	assert_int_equal(heap__add_region(heap, FIRST, heap->layout.region_size), 0);
	assert_int_equal(block_map__insert(heap->blocks, FIRST - 4096 + 48, &was_live), 0);
	assert_int_equal(block_map__insert(heap->blocks, FIRST + (256 << 10) + 48, &was_live), 0);
	assert_int_equal(heap__measure(heap, &measure), 0);
	assert_int_equal(measure.totals.live_blocks, 0);
	assert_int_equal(measure.totals.unclassified_spans, 0);
	assert_int_equal(measure.totals.free_span_bytes, 256 << 10);
	check_sum(&measure.totals);
	heap_measure__free(&measure);
	heap__free(heap);
}

/* The reference: the existing addresses. Places are a quarter of an arena apart. */
#define PLACES 64

static void check_arenas(const struct heap *heap, const bool *there)
{
	uint64_t step = heap->layout.region_size / 4;
	size_t cnt = 0;

	for (uint64_t i = 0; i < PLACES; i++) {
		struct region *arena = heap__find_region(heap, FIRST + i * step);

		cnt += there[i];
		assert_int_equal(arena != NULL, there[i]);
		if (there[i]) {
			assert_int_equal(arena->address, FIRST + i * step);
			for (uint64_t j = i; j < i + 4; j++)
				assert_ptr_equal(heap__region_around(heap, FIRST + j * step),
						 arena);
			assert_ptr_equal(heap__region_around(heap, FIRST + (i + 4) * step - 1),
					 arena);
		} else if (!(i && there[i - 1]) && !(i > 1 && there[i - 2]) &&
			   !(i > 2 && there[i - 3])) {
			assert_null(heap__region_around(heap, FIRST + i * step));
		}
	}
	assert_int_equal(heap->region_cnt, cnt);
	for (size_t i = 1; i < heap->region_cnt; i++)
		assert_true(heap->regions[i - 1].address < heap->regions[i].address);
}

static void test_arenas_come_and_go(void **state)
{
	struct heap *heap = new_heap(&FAKE_GEOMETRIES[2]);
	uint64_t step = heap->layout.region_size / 4, random = 9;
	bool there[PLACES + 8] = {};
	uint32_t refused = 0;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint32_t at = prng__below(&random, PLACES);
		uint64_t address = FIRST + at * step;
		bool overlaps = false;

		for (uint32_t other = at < 3 ? 0 : at - 3; other < at + 4; other++)
			overlaps |= other != at && there[other];
		if (prng__below(&random, 2)) {
			int err = heap__add_region(heap, address, heap->layout.region_size);

			assert_int_equal(err, overlaps ? -EINVAL : 0);
			there[at] |= !overlaps;
			refused += overlaps;
		} else {
			int err = heap__remove_region(heap, address);

			assert_int_equal(err, there[at] ? 0 : -ENOENT);
			there[at] = false;
		}
		check_arenas(heap, there);
	}
	assert_true(refused > 100);
	heap__free(heap);
}

static void set_block(struct heap *heap, uint64_t address)
{
	bool was_live;

	assert_int_equal(block_map__insert(heap->blocks, address, &was_live), 0);
}

static bool has_block(const struct heap *heap, uint64_t address)
{
	return block_map__contains(heap->blocks, address);
}

/* Removing an arena removes its blocks and no others; a new arena has none. */
static void test_blocks_go_with_their_arena(void **state)
{
	const uint64_t size = 1 << 20, skew = 4096, first_pool = 16384;
	struct heap *heap = new_heap(&FAKE_GEOMETRIES[2]);

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(heap__add_region(heap, FIRST + i * size + skew,
						  heap->layout.region_size),
				 0);
		set_block(heap, FIRST + i * size + first_pool + 48);
		set_block(heap, FIRST + (i + 1) * size - 512);
	}
	assert_int_equal(heap__remove_region(heap, FIRST + size + skew), 0);
	assert_false(has_block(heap, FIRST + size + first_pool + 48));
	assert_false(has_block(heap, FIRST + 2 * size - 512));
	assert_true(has_block(heap, FIRST + first_pool + 48));
	assert_true(has_block(heap, FIRST + size - 512));
	assert_true(has_block(heap, FIRST + 2 * size + first_pool + 48));
	assert_true(has_block(heap, FIRST + 3 * size - 512));
	/* Events about this address before the arena was mapped do not apply to the arena. */
	set_block(heap, FIRST + size + first_pool + 96);
	assert_int_equal(heap__add_region(heap, FIRST + size + skew, heap->layout.region_size), 0);
	assert_false(has_block(heap, FIRST + size + first_pool + 96));
	/* An arena mapped at the same address is a new one. */
	set_block(heap, FIRST + size + first_pool + 96);
	heap__find_region(heap, FIRST + size + skew)->carved_end = FIRST + 2 * size;
	assert_int_equal(heap__add_region(heap, FIRST + size + skew, heap->layout.region_size), 0);
	assert_false(has_block(heap, FIRST + size + first_pool + 96));
	assert_int_equal(heap__find_region(heap, FIRST + size + skew)->carved_end,
			 FIRST + size + first_pool);
	assert_int_equal(heap->region_cnt, 3);
	heap__forget_blocks(heap, heap__find_region(heap, FIRST + skew));
	assert_false(has_block(heap, FIRST + first_pool + 48));
	assert_non_null(heap__find_region(heap, FIRST + skew));
	heap__free(heap);
}

static void test_fragmentation_is_what_is_not_live(void **state)
{
	(void)state;
	assert_true(heap_totals__fragmentation(&(struct heap_totals){}) == 0.0);
	assert_true(heap_totals__fragmentation(&(struct heap_totals){.region_bytes = 1000,
								     .live_bytes = 250}) == 0.75);
	assert_true(heap_totals__fragmentation(&(struct heap_totals){.region_bytes = 1 << 20}) ==
		    1.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_heap),
		cmocka_unit_test(test_measures_one_small_heap),
		cmocka_unit_test(test_bytes_add_up_in_every_heap),
		cmocka_unit_test(test_bytes_add_up_in_damaged_heaps),
		cmocka_unit_test(test_blocks_outside_of_arenas_do_not_count),
		cmocka_unit_test(test_arenas_come_and_go),
		cmocka_unit_test(test_blocks_go_with_their_arena),
		cmocka_unit_test(test_fragmentation_is_what_is_not_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
