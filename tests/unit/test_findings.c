// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/findings.h"

#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sample_heap.h"
#include "target/live.h"
#include "unit_test.h"
#include "util/cleanup.h"
#include "util/counters.h"

#define NS_PER_S 1000000000UL

static const struct findings_options usual_options = {.below = 0.1, .blocks_per_arena_max = 32};

/* The findings of a heap that is examined once. */
static void collect(struct findings *findings, const struct heap *heap, const struct target *target,
		    const struct findings_options *options, struct counters *counters)
{
	struct pinned_history history = {};

	assert_int_equal(findings__collect(findings, heap, target, options, &history, NS_PER_S,
					   counters),
			 0);
	pinned_history__free(&history);
}

static void test_sample(void **state)
{
	_cleanup_(findings__free) struct findings findings = {};
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new();
	const struct heap_totals *totals = &findings.measure.totals;
	struct counters counters = {};
	struct geometry geometry;

	(void)state;
	collect(&findings, heap, NULL, &usual_options, &counters);
	geometry = pymalloc_layout__geometry(&findings.layout);
	assert_memory_equal(&geometry, &sample_geometry, sizeof(sample_geometry));
	assert_int_equal(totals->regions, SAMPLE_ARENA_CNT);
	assert_int_equal(totals->region_bytes, SAMPLE_ARENA_CNT * SAMPLE_ARENA_BYTES);
	assert_int_equal(totals->live_blocks, SAMPLE_LIVE_BLOCKS);
	assert_int_equal(totals->live_bytes, SAMPLE_LIVE_BYTES);
	assert_int_equal(totals->free_block_bytes, SAMPLE_FREE_BLOCK_BYTES);
	assert_int_equal(totals->free_span_bytes, SAMPLE_FREE_POOL_BYTES);
	assert_int_equal(totals->overhead_bytes, SAMPLE_OVERHEAD_BYTES);
	assert_int_equal(totals->live_bytes + totals->free_block_bytes + totals->free_span_bytes +
				 totals->overhead_bytes,
			 totals->region_bytes);
	/* Without a process, residency is unknown. */
	assert_true(findings.resident_bytes == RESIDENT_UNKNOWN);
	assert_false(findings.has_map);
	assert_int_equal(findings.map.region_cnt, 0);
	for (int i = 0; i < COUNTER_CNT; i++)
		assert_int_equal(counters__get(&counters, i),
				 i == COUNTER_BLOCKS_UNLISTED ? 254 - 32 : 0);
}

static void test_pinned_arenas_of_the_sample(void **state)
{
	_cleanup_(findings__free) struct findings findings = {};
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new();
	const struct pinned *pinned = &findings.pinned;
	struct counters counters = {};

	(void)state;
	collect(&findings, heap, NULL, &usual_options, &counters);
	/* A and B; C is too full, D is empty. */
	assert_int_equal(pinned->region_cnt, 2);
	assert_int_equal(pinned->regions[0].address, SAMPLE_A);
	assert_int_equal(pinned->regions[0].live_blocks, 3);
	assert_int_equal(pinned->regions[0].live_bytes, 96);
	assert_int_equal(pinned->regions[1].address, SAMPLE_B);
	assert_int_equal(pinned->regions[1].live_blocks, 254);
	assert_int_equal(pinned->regions[1].live_bytes, 512 + 253 * 16);
	assert_int_equal(pinned->live_blocks, 257);
	assert_int_equal(pinned->bytes, 2 * SAMPLE_ARENA_BYTES);
	assert_int_equal(pinned->hostage_bytes, 2 * SAMPLE_ARENA_BYTES - 96 - 512 - 253 * 16);
	assert_int_equal(pinned->block_cnt, 3 + 32);
	assert_int_equal(pinned->blocks[0].address, SAMPLE_A + 48);
	assert_int_equal(pinned->blocks[2].address, SAMPLE_A + 48 + 64);
	assert_int_equal(pinned->blocks[2].size, 32);
	assert_int_equal(pinned->blocks[3].address, SAMPLE_B + 0x3000 + 48 + 6 * 512);
	assert_int_equal(pinned->blocks[3].size, 512);
	assert_int_equal(pinned->blocks[4].address, SAMPLE_B + 0x4000 + 48);
	assert_int_equal(pinned->blocks[4].size, 16);
}

static void test_options_are_heeded(void **state)
{
	static const struct findings_options options = {.below = 0.01,
							.blocks_per_arena_max = 2,
							.with_map = true};
	static const struct findings_options nothing_listed = {.below = 0.5};
	_cleanup_(findings__free) struct findings strict = {}, lax = {};
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new();
	struct counters counters = {};

	(void)state;
	collect(&strict, heap, NULL, &options, &counters);
	/* 96 bytes are less than a hundredth of an arena, 4560 are more. */
	assert_int_equal(strict.pinned.region_cnt, 1);
	assert_int_equal(strict.pinned.block_cnt, 2);
	assert_int_equal(counters__get(&counters, COUNTER_BLOCKS_UNLISTED), 1);
	assert_true(strict.has_map);
	assert_int_equal(strict.map.region_cnt, 3);

	counters = (struct counters){};
	collect(&lax, heap, NULL, &nothing_listed, &counters);
	assert_int_equal(lax.pinned.region_cnt, 3);
	assert_int_equal(lax.pinned.block_cnt, 0);
	assert_int_equal(counters__get(&counters, COUNTER_BLOCKS_UNLISTED), 3 + 254 + 56);
}

/* bpo-37257: if there is no empty arena, the first that becomes empty is kept. */
static void test_empty_arena_is_kept(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new();
	struct counters counters = {};

	(void)state;
	heap->layout.keeps_one_empty = true;
	{
		_cleanup_(findings__free) struct findings findings = {};

		/* D is empty already. */
		collect(&findings, heap, NULL, &usual_options, &counters);
		assert_int_equal(findings.pinned.what_if_cnt, 2);
		assert_int_equal(findings.pinned.what_if[0].blocks, 3);
		assert_int_equal(findings.pinned.what_if[0].bytes, SAMPLE_ARENA_BYTES);
		assert_int_equal(findings.pinned.what_if[1].blocks, 257);
		assert_int_equal(findings.pinned.what_if[1].bytes, 2 * SAMPLE_ARENA_BYTES);
	}
	assert_int_equal(heap__remove_region(heap, SAMPLE_D), 0);
	{
		_cleanup_(findings__free) struct findings findings = {};

		collect(&findings, heap, NULL, &usual_options, &counters);
		assert_int_equal(findings.pinned.what_if[0].bytes, 0);
		assert_int_equal(findings.pinned.what_if[1].bytes, SAMPLE_ARENA_BYTES);
	}
}

static void test_since_when_it_is_pinned(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new();
	struct pinned_history history = {};
	struct counters counters = {};

	(void)state;
	for (uint64_t second = 0; second < 3; second++) {
		_cleanup_(findings__free) struct findings findings = {};

		assert_int_equal(findings__collect(&findings, heap, NULL, &usual_options, &history,
						   (100 + 10 * second) * NS_PER_S, &counters),
				 0);
		assert_int_equal(findings.pinned.region_cnt, 2);
		/* Exact: these are small whole numbers. */
		assert_true(findings.pinned.regions[0].pinned_for_s == (double)(10 * second));
	}
	pinned_history__free(&history);
}

/* A report needs only the findings: the heap may have been released. */
static void test_outlives_the_heap(void **state)
{
	_cleanup_(findings__free) struct findings findings = {};
	struct heap *heap = sample_heap__new();
	struct findings_options options = usual_options;
	struct counters counters = {};
	uint64_t live = 0;

	(void)state;
	options.with_map = true;
	collect(&findings, heap, NULL, &options, &counters);
	heap__free(heap);
	for (size_t i = 0; i < SAMPLE_ARENA_CNT; i++)
		live += findings.measure.regions[i].live_bytes;
	assert_int_equal(live, SAMPLE_LIVE_BYTES);
	assert_int_equal(strlen(findings.map.regions[1].sectors), SAMPLE_ARENA_BYTES / 256);
	assert_int_equal(findings.pinned.regions[1].address, SAMPLE_B);
}

static void test_empty_heap(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new_empty(&sample_geometry);
	_cleanup_(findings__free) struct findings findings = {};
	struct counters counters = {};

	(void)state;
	collect(&findings, heap, NULL, &usual_options, &counters);
	assert_int_equal(findings.measure.totals.region_bytes, 0);
	assert_int_equal(findings.pinned.region_cnt, 0);
	assert_int_equal(findings.pinned.what_if_cnt, 0);
	for (int i = 0; i < COUNTER_CNT; i++)
		assert_int_equal(counters__get(&counters, i), 0);
}

/*
 * Damaged parts that a heap image leaves out are counted: a block between two places, a pool of no
 * known class.
 */
static void test_damage_is_counted(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new();
	_cleanup_(findings__free) struct findings findings = {};
	struct counters counters = {};
	bool was_live;

	(void)state;
	/* 32-byte blocks begin at 48, 80, ...: none at 64. In C, which is not pinned. */
	sample_heap__add_block(heap, SAMPLE_C + 0x20000, SAMPLE_CLASS(32), 0);
	assert_int_equal(block_map__insert(heap->blocks, SAMPLE_C + 0x20000 + 64, &was_live), 0);
	assert_int_equal(block_map__insert(heap->blocks, SAMPLE_C + 0x30000 + 48, &was_live), 0);
	collect(&findings, heap, NULL, &usual_options, &counters);
	assert_int_equal(counters__get(&counters, COUNTER_BLOCKS_STRAY), 1);
	assert_int_equal(counters__get(&counters, COUNTER_POOLS_UNCLASSIFIED), 1);
	assert_int_equal(findings.measure.totals.live_blocks, SAMPLE_LIVE_BLOCKS + 1);
}

/* A heap at the test's own addresses, so that the kernel knows which of its pages are resident. */
static void test_resident_bytes(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), arena = SAMPLE_ARENA_BYTES;
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new_empty(&sample_geometry);
	_cleanup_(findings__free) struct findings findings = {};
	struct target target = {.ops = &live_ops, .pid = getpid()};
	struct counters counters = {};
	uint8_t *bytes, *mapped;

	(void)state;
	mapped = mmap(NULL, 4 * arena, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	madvise(mapped, 4 * arena, MADV_NOHUGEPAGE);
	bytes = (uint8_t *)(((uintptr_t)mapped + arena - 1) & ~(arena - 1));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(heap__add_region(heap, (uintptr_t)bytes + i * arena,
						  heap->layout.region_size),
				 0);
	/* The first arena: pinned by a block, four pages resident. The second: empty, one page. */
	sample_heap__add_block(heap, (uintptr_t)bytes, SAMPLE_CLASS(64), 0);
	for (size_t i = 0; i < 4; i++)
		bytes[i * page] = 1;
	bytes[arena + page] = 1;

	collect(&findings, heap, &target, &usual_options, &counters);
	assert_int_equal(findings.resident_bytes, 5 * page);
	assert_int_equal(findings.pinned.region_cnt, 1);
	assert_int_equal(findings.pinned.regions[0].resident_bytes, 4 * page);
	assert_int_equal(findings.pinned.hostage_bytes, arena - 64);
	assert_int_equal(findings.pinned.resident_hostage_bytes, 4 * page - 64);
	munmap(mapped, 4 * arena);
}

/* A process that has exited is not an error: the data read before still holds. */
static void test_process_that_is_gone(void **state)
{
	_cleanup_(findings__free) struct findings findings = {};
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new();
	struct target target = {.ops = &live_ops, .pid = INT_MAX};
	struct counters counters = {};

	(void)state;
	collect(&findings, heap, &target, &usual_options, &counters);
	assert_true(findings.resident_bytes == RESIDENT_UNKNOWN);
	assert_int_equal(findings.pinned.region_cnt, 2);
	assert_int_equal(findings.pinned.resident_hostage_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_pinned_arenas_of_the_sample),
		cmocka_unit_test(test_options_are_heeded),
		cmocka_unit_test(test_empty_arena_is_kept),
		cmocka_unit_test(test_since_when_it_is_pinned),
		cmocka_unit_test(test_outlives_the_heap),
		cmocka_unit_test(test_empty_heap),
		cmocka_unit_test(test_damage_is_counted),
		cmocka_unit_test(test_resident_bytes),
		cmocka_unit_test(test_process_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
