// SPDX-License-Identifier: BSD-2-Clause
#include "heap/pinned.h"

#include <stdlib.h>

#include "fake_target.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define ARENA	    (1UL << 20)
#define POOL	    16384UL
#define PER_POOL    31 /* blocks of 512 bytes in a pool */
#define SECOND_NS   1000000000UL
#define TEN_PERCENT 204 /* blocks of 512 bytes; 205 are more than 10 % of an arena */

static uint64_t nth_arena(uint64_t n)
{
	return 0x7f3b50000000UL + n * 2 * ARENA;
}

static struct heap *new_heap(void)
{
	struct heap *heap;

	assert_int_equal(heap__new(&heap, LAYOUT_OF(&FAKE_GEOMETRIES[2]), NULL), 0);
	return heap;
}

/* Adds the n-th arena, with @blocks live blocks of 512 bytes, pool after pool. */
static void add_arena(struct heap *heap, uint64_t n, uint32_t blocks)
{
	uint64_t pool = nth_arena(n);

	assert_int_equal(heap__add_region(heap, pool, heap->layout.region_size), 0);
	for (uint32_t i = 0; i < blocks; i++) {
		bool was_live;

		if (i && i % PER_POOL == 0)
			pool += POOL;
		assert_int_equal(block_map__set_class(heap->blocks, pool, 31), 0);
		assert_int_equal(block_map__insert(heap->blocks, pool + 48 + i % PER_POOL * 512,
						   &was_live),
				 0);
	}
}

static void find_at(const struct heap *heap, const struct pinned_options *options,
		    struct pinned_history *history, uint64_t now_ns, struct pinned *pinned)
{
	struct heap_measure measure;

	assert_int_equal(heap__measure(heap, &measure), 0);
	assert_int_equal(pinned__find(pinned, heap, &measure, options, history, now_ns), 0);
	heap_measure__free(&measure);
}

static void find(const struct heap *heap, const struct pinned_options *options,
		 struct pinned *pinned)
{
	struct pinned_history history = {};

	find_at(heap, options, &history, 0, pinned);
	pinned_history__free(&history);
}

static void test_only_below_the_threshold_and_never_when_empty(void **state)
{
	const struct pinned_options options = {.below = 0.1, .blocks_per_region_max = 5};
	struct heap *heap = new_heap();
	struct pinned pinned;

	(void)state;
	add_arena(heap, 0, TEN_PERCENT);
	add_arena(heap, 1, TEN_PERCENT + 1);
	add_arena(heap, 2, 0);
	add_arena(heap, 3, 1);
	add_arena(heap, 4, 64 * PER_POOL);
	find(heap, &options, &pinned);
	assert_int_equal(pinned.region_cnt, 2);
	assert_int_equal(pinned.regions[0].address, nth_arena(3));
	assert_int_equal(pinned.regions[1].address, nth_arena(0));
	assert_true(pinned.below == 0.1);
	assert_int_equal(pinned.bytes, 2 * ARENA);
	assert_int_equal(pinned.live_blocks, TEN_PERCENT + 1);
	assert_int_equal(pinned.hostage_bytes, 2 * ARENA - (TEN_PERCENT + 1) * 512);
	assert_true(pinned.regions[1].occupancy == TEN_PERCENT * 512.0 / ARENA);
	pinned__free(&pinned);
	heap__free(heap);
}

/* Pools that were not read may be full of live blocks. */
static void test_what_was_not_read_may_be_live(void **state)
{
	static const uint64_t none[16];
	const struct pinned_options options = {.below = 0.1};
	struct heap *heap = new_heap();
	struct pinned pinned;

	(void)state;
	for (uint64_t n = 0; n < 3; n++) {
		add_arena(heap, n, n < 2);
		for (uint64_t i = 1; i < (n ? 8 : 7); i++)
			assert_int_equal(block_map__set_span(heap->blocks, nth_arena(n) + i * POOL,
							     CLASS_UNREAD, 0, none, 16),
					 0);
	}
	find(heap, &options, &pinned);
	/* Six pools of 64 are less than 10 %, seven are more. */
	assert_int_equal(pinned.region_cnt, 1);
	assert_int_equal(pinned.regions[0].address, nth_arena(0));
	assert_int_equal(pinned.hostage_bytes, ARENA - 512 - 6 * POOL);
	/* No arena is known to be empty. */
	assert_int_equal(pinned.what_if_cnt, 1);
	assert_int_equal(pinned.what_if[0].bytes, ARENA);
	pinned__free(&pinned);
	heap->layout.keeps_one_empty = true;
	find(heap, &options, &pinned);
	assert_int_equal(pinned.what_if[0].bytes, 0);
	pinned__free(&pinned);
	heap__free(heap);
}

/* "Below" excludes the threshold itself, and 0 pins nothing. */
static void test_threshold_is_exact(void **state)
{
	struct pinned_options options = {.below = 512.0 * 256 / ARENA};
	struct heap *heap = new_heap();
	struct pinned pinned;

	(void)state;
	add_arena(heap, 0, 256);
	find(heap, &options, &pinned);
	assert_int_equal(pinned.region_cnt, 0);
	assert_int_equal(pinned.what_if_cnt, 0);
	pinned__free(&pinned);
	options.below = 512.0 * 257 / ARENA;
	find(heap, &options, &pinned);
	assert_int_equal(pinned.region_cnt, 1);
	pinned__free(&pinned);
	options.below = 1;
	find(heap, &options, &pinned);
	assert_int_equal(pinned.region_cnt, 1);
	pinned__free(&pinned);
	options.below = 0;
	find(heap, &options, &pinned);
	assert_int_equal(pinned.region_cnt, 0);
	pinned__free(&pinned);
	heap__free(heap);
}

static void test_fewest_blocks_come_first_then_the_lower_address(void **state)
{
	static const uint32_t blocks[] = {7, 3, 100, 3, 1, 7, 50, 3, 2};
	static const uint64_t order[] = {4, 8, 1, 3, 7, 0, 5, 6, 2};
	const struct pinned_options options = {.below = 0.1};
	struct heap *heap = new_heap();
	struct pinned pinned;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		add_arena(heap, i, blocks[i]);
	find(heap, &options, &pinned);
	assert_int_equal(pinned.region_cnt, ARRAY_SIZE(order));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		assert_int_equal(pinned.regions[i].address, nth_arena(order[i]));
		assert_int_equal(pinned.regions[i].live_blocks, blocks[order[i]]);
		assert_int_equal(pinned.regions[i].live_bytes, blocks[order[i]] * 512);
	}
	pinned__free(&pinned);
	heap__free(heap);
}

/* The listed blocks are the live ones of all classes and pools, in order, up to the limit. */
static void test_blocks_are_listed_up_to_a_limit(void **state)
{
	static const struct pinned_block blocks[] = {
		{0x7f3b50000000 + 48, 16},
		{0x7f3b50000000 + 48 + 1020 * 16, 16},
		{0x7f3b50000000 + POOL + 48 + 32, 32},
		{0x7f3b50000000 + 63 * POOL + 48 + 30 * 512, 512},
	};
	struct pinned_options options = {.below = 0.1};
	struct heap *heap = new_heap();

	(void)state;
	assert_int_equal(heap__add_region(heap, nth_arena(0), heap->layout.region_size), 0);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		uint64_t pool = blocks[i].address / POOL * POOL;
		bool was_live;

		assert_int_equal(block_map__set_class(heap->blocks, pool,
						      (uint8_t)(blocks[i].size / 16 - 1)),
				 0);
		assert_int_equal(block_map__insert(heap->blocks, blocks[i].address, &was_live), 0);
	}
	add_arena(heap, 1, 40);
	for (uint32_t max = 0; max <= 6; max++) {
		uint32_t listed = max < 4 ? max : 4;
		struct pinned pinned;

		options.blocks_per_region_max = max;
		find(heap, &options, &pinned);
		assert_int_equal(pinned.regions[0].live_blocks, 4);
		assert_int_equal(pinned.regions[0].block_cnt, listed);
		for (uint32_t i = 0; i < listed; i++) {
			const struct pinned_block *block =
				&pinned.blocks[pinned.regions[0].first_block + i];

			assert_int_equal(block->address, blocks[i].address);
			assert_int_equal(block->size, blocks[i].size);
		}
		assert_int_equal(pinned.regions[1].block_cnt, max);
		assert_int_equal(pinned.block_cnt, listed + max);
		for (uint32_t i = 0; i < max; i++)
			assert_int_equal(pinned.blocks[pinned.regions[1].first_block + i].address,
					 nth_arena(1) + 48 + i * 512);
		pinned__free(&pinned);
	}
	heap__free(heap);
}

static void test_resident_hostages(void **state)
{
	/* By arena, in the heap's order: all of it, less than the live bytes, nothing, some. */
	static const uint64_t resident[] = {ARENA, 4096, 0, 100000, 77};
	struct pinned_options options = {.below = 0.1, .resident_bytes = resident};
	struct heap *heap = new_heap();
	struct pinned pinned;

	(void)state;
	add_arena(heap, 0, 100);
	add_arena(heap, 1, 50);
	add_arena(heap, 2, 20);
	add_arena(heap, 3, 10);
	add_arena(heap, 4, 64 * PER_POOL); /* not pinned */
	find(heap, &options, &pinned);
	assert_int_equal(pinned.region_cnt, 4);
	assert_int_equal(pinned.regions[0].resident_bytes, 100000);
	assert_int_equal(pinned.regions[1].resident_bytes, 0);
	assert_int_equal(pinned.regions[2].resident_bytes, 4096);
	assert_int_equal(pinned.regions[3].resident_bytes, ARENA);
	assert_int_equal(pinned.resident_hostage_bytes, (ARENA - 100 * 512) + (100000 - 10 * 512));
	pinned__free(&pinned);
	options.resident_bytes = NULL;
	find(heap, &options, &pinned);
	assert_int_equal(pinned.resident_hostage_bytes, 0);
	assert_int_equal(pinned.regions[3].resident_bytes, 0);
	pinned__free(&pinned);
	heap__free(heap);
}

/* A row for 1, 2, 5, 10, 20, 50 ... arenas, and one for all; @kept arenas are not released. */
static void check_what_if(uint32_t arenas, bool keeps, bool has_empty, uint64_t kept)
{
	static const uint64_t steps[] = {1, 2, 5, 10, 20, 50, 100, 200, 500};
	const struct pinned_options options = {.below = 0.1};
	struct heap *heap = new_heap();
	struct pinned pinned;
	size_t row = 0;

	heap->layout.keeps_one_empty = keeps;
	/* Arena n has n + 1 blocks, so that the first n have n * (n + 1) / 2. */
	for (uint32_t n = 0; n < arenas; n++)
		add_arena(heap, n, n + 1);
	if (has_empty)
		add_arena(heap, 1000, 0);
	add_arena(heap, 1001, 64 * PER_POOL);
	find(heap, &options, &pinned);
	assert_int_equal(pinned.region_cnt, arenas);
	for (size_t i = 0; i < ARRAY_SIZE(steps) && steps[i] < arenas; i++, row++) {
		assert_true(row < pinned.what_if_cnt);
		assert_int_equal(pinned.what_if[row].regions, steps[i]);
		assert_int_equal(pinned.what_if[row].blocks, steps[i] * (steps[i] + 1) / 2);
		assert_int_equal(pinned.what_if[row].bytes, (steps[i] - kept) * ARENA);
	}
	assert_int_equal(pinned.what_if_cnt, row + 1);
	assert_int_equal(pinned.what_if[row].regions, arenas);
	assert_int_equal(pinned.what_if[row].blocks, arenas * (arenas + 1) / 2);
	assert_int_equal(pinned.what_if[row].bytes, (arenas - kept) * ARENA);
	pinned__free(&pinned);
	heap__free(heap);
}

static void test_what_comes_back_if_the_blocks_go(void **state)
{
	static const uint32_t arenas[] = {1, 2, 3, 5, 7, 10, 11, 49, 50, 51, 120, 200};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(arenas); i++)
		check_what_if(arenas[i], false, false, 0);
}

/* From 3.9 on one empty arena is kept; if there is one already, all others are released. */
static void test_one_empty_arena_is_kept(void **state)
{
	static const uint32_t arenas[] = {1, 2, 3, 10, 30};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(arenas); i++) {
		check_what_if(arenas[i], true, false, 1);
		check_what_if(arenas[i], true, true, 0);
		check_what_if(arenas[i], false, true, 0);
	}
}

static double pinned_for(const struct pinned *pinned, uint64_t n)
{
	for (size_t i = 0; i < pinned->region_cnt; i++)
		if (pinned->regions[i].address == nth_arena(n))
			return pinned->regions[i].pinned_for_s;
	return -1;
}

static void check_ages(const struct heap *heap, struct pinned_history *history, uint64_t now_s,
		       const double *ages, size_t cnt)
{
	const struct pinned_options options = {.below = 0.1};
	struct pinned pinned;

	find_at(heap, &options, history, now_s * SECOND_NS, &pinned);
	for (size_t n = 0; n < cnt; n++)
		assert_true(pinned_for(&pinned, n) == ages[n]);
	pinned__free(&pinned);
}

#define CHECK_AGES(now_s, ...)                                                                     \
	check_ages(heap, &history, now_s, (const double[]){__VA_ARGS__},                           \
		   sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* -1: not pinned. The findings list arenas with few blocks first, so not by address. */
static void test_ages_over_several_findings(void **state)
{
	struct pinned_history history = {};
	struct heap *heap = new_heap();

	(void)state;
	add_arena(heap, 0, 60);
	add_arena(heap, 1, 40);
	CHECK_AGES(100, 0, 0, -1, -1);
	add_arena(heap, 2, 20);
	CHECK_AGES(105, 5, 5, 0, -1);
	/* One fills up and is no longer pinned, another is mapped. */
	add_arena(heap, 1, 1000);
	add_arena(heap, 3, 10);
	CHECK_AGES(110, 10, -1, 5, 0);
	/* It is pinned again, as of now. Another is unmapped. */
	add_arena(heap, 1, 30);
	assert_int_equal(heap__remove_region(heap, nth_arena(0)), 0);
	CHECK_AGES(120, -1, 0, 15, 10);
	/* One is mapped again at the same address, without an event. */
	add_arena(heap, 0, 5);
	CHECK_AGES(130, 0, 10, 25, 20);
	CHECK_AGES(130, 0, 10, 25, 20);
	pinned_history__free(&history);
	assert_null(history.items);
	assert_int_equal(history.cnt, 0);
	CHECK_AGES(140, 0, 0, 0, 0);
	pinned_history__free(&history);
	heap__free(heap);
}

/* An arena that was unmapped and mapped again between two findings counts as a new one. */
static void test_remapped_arena_is_a_new_one(void **state)
{
	struct pinned_history history = {};
	struct heap *heap = new_heap();

	(void)state;
	add_arena(heap, 0, 3);
	add_arena(heap, 1, 3);
	heap__find_region(heap, nth_arena(0))->generation = 7;
	CHECK_AGES(10, 0, 0);
	CHECK_AGES(20, 10, 10);
	heap__find_region(heap, nth_arena(0))->generation = 8;
	CHECK_AGES(30, 0, 20);
	CHECK_AGES(40, 10, 30);
	pinned_history__free(&history);
	heap__free(heap);
}

static void test_parts_of_a_second_count(void **state)
{
	const struct pinned_options options = {.below = 0.1};
	struct pinned_history history = {};
	struct heap *heap = new_heap();
	struct pinned pinned;

	(void)state;
	add_arena(heap, 0, 3);
	find_at(heap, &options, &history, 5 * SECOND_NS, &pinned);
	pinned__free(&pinned);
	find_at(heap, &options, &history, 5 * SECOND_NS + SECOND_NS / 4, &pinned);
	assert_true(pinned.regions[0].pinned_for_s == 0.25);
	pinned__free(&pinned);
	pinned_history__free(&history);
	heap__free(heap);
}

/* Compared with the simplest algorithm, in random heaps. */
static void test_random_heaps(void **state)
{
	uint64_t random = 61;

	(void)state;
	for (int round = 0; round < 30; round++) {
		double below = prng__below(&random, 100) / 100.0;
		const struct pinned_options options = {.below = below,
						       .blocks_per_region_max =
							       prng__below(&random, 60)};
		uint64_t bytes = 0, hostage_bytes = 0, live_blocks = 0;
		struct heap *heap = new_heap();
		struct pinned pinned;
		size_t cnt = 0;

		for (uint32_t n = 0; n < 40; n++) {
			uint32_t blocks = prng__below(&random, 64 * PER_POOL);

			if (prng__below(&random, 2))
				blocks = prng__below(&random, 10);
			add_arena(heap, n, blocks);
			if (!blocks || blocks * 512.0 >= below * ARENA)
				continue;
			cnt++;
			bytes += ARENA;
			hostage_bytes += ARENA - blocks * 512;
			live_blocks += blocks;
		}
		find(heap, &options, &pinned);
		assert_int_equal(pinned.region_cnt, cnt);
		assert_int_equal(pinned.bytes, bytes);
		assert_int_equal(pinned.hostage_bytes, hostage_bytes);
		assert_int_equal(pinned.live_blocks, live_blocks);
		for (size_t i = 1; i < cnt; i++)
			assert_true(pinned.regions[i - 1].live_blocks <=
				    pinned.regions[i].live_blocks);
		if (cnt)
			assert_int_equal(pinned.what_if[pinned.what_if_cnt - 1].blocks,
					 live_blocks);
		pinned__free(&pinned);
		heap__free(heap);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_below_the_threshold_and_never_when_empty),
		cmocka_unit_test(test_what_was_not_read_may_be_live),
		cmocka_unit_test(test_threshold_is_exact),
		cmocka_unit_test(test_fewest_blocks_come_first_then_the_lower_address),
		cmocka_unit_test(test_blocks_are_listed_up_to_a_limit),
		cmocka_unit_test(test_resident_hostages),
		cmocka_unit_test(test_what_comes_back_if_the_blocks_go),
		cmocka_unit_test(test_one_empty_arena_is_kept),
		cmocka_unit_test(test_ages_over_several_findings),
		cmocka_unit_test(test_remapped_arena_is_a_new_one),
		cmocka_unit_test(test_parts_of_a_second_count),
		cmocka_unit_test(test_random_heaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
