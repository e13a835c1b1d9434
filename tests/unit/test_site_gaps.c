// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the ledger of sites drops when events may have been missed: by hand, and at random, compared
 * with a list of what the header says it must know about each pool. The test sets the stamps that a
 * checkpoint would set.
 */
#include <stdlib.h>

#include "fake_code.h"
#include "prng.h"
#include "sample_heap.h"
#include "stacks/site_ledger.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define STACKS 4
#define CODE   0x7e0000010000UL
#define NUMBER 0x1000 /* of the stack with index 0 */
#define POOLS  2000

struct fixture {
	struct fake_memory memory;
	struct stack_table *stacks;
	struct site_ledger *ledger;
	struct heap *heap;
};

static int set_up(void **state)
{
	const struct site_ledger_options options = {.layout = pymalloc_layout__of(&sample_geometry),
						    .keeps_blocks = true,
						    .blocks_max = 1000000};
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fake_memory__init(&fixture->memory);
	assert_int_equal(stack_table__new(&fixture->stacks, &FAKE_OFFSETS, &fixture->memory.memory,
					  1 << 20),
			 0);
	assert_int_equal(site_ledger__new(&fixture->ledger, fixture->stacks, &options), 0);
	fake_code__map_type(&fixture->memory);
	for (uint32_t i = 0; i < STACKS; i++) {
		const struct fake_code code = {"f", "f", "/srv/f.py", (int32_t)i + 1, 0};
		uint64_t address = CODE + i * FAKE_CODE_BYTES;
		struct pyfrag_stack stack;

		fake_code__map(&fixture->memory, address, &code);
		fake_code__make_stack(&stack, NUMBER + i, &address, 1);
		assert_int_equal(stack_table__add(fixture->stacks, &stack), 0);
	}
	fixture->heap = sample_heap__new_empty(&sample_geometry);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	heap__free(fixture->heap);
	site_ledger__free(fixture->ledger);
	stack_table__free(fixture->stacks);
	fake_memory__release(&fixture->memory);
	free(fixture);
	return 0;
}

static uint64_t pool_at(size_t index)
{
	return SAMPLE_A + index * SAMPLE_POOL_BYTES;
}

/* The pool's first block. */
static uint64_t block_at(size_t index)
{
	return pool_at(index) + 48;
}

static void tell(struct fixture *fixture, uint8_t type, uint64_t address, uint32_t stack,
		 uint8_t flags)
{
	const struct pyfrag_event event = {.type = type,
					   .flags = PYFRAG_EVENT_HAS_STACK | flags,
					   .address = address};

	assert_int_equal(site_ledger__apply(fixture->ledger, &event, NUMBER + stack), 0);
}

static void take_pool(struct fixture *fixture, size_t index, uint32_t stack)
{
	tell(fixture, EVENT_NEW_POOL, block_at(index), stack, 0);
}

static void free_pool(struct fixture *fixture, size_t index)
{
	const struct pyfrag_event event = {.type = EVENT_POOL_FREED, .address = pool_at(index)};

	assert_int_equal(site_ledger__apply(fixture->ledger, &event, 0), 0);
}

/* What a checkpoint finds for a pool; 0: nothing certain. */
static void set_stamp(struct fixture *fixture, size_t index, uint64_t stamp)
{
	const uint64_t live[SAMPLE_POOL_BYTES / 16 / 64] = {1UL << 3};

	assert_int_equal(block_map__set_span(fixture->heap->blocks, pool_at(index), 0, stamp, live,
					     ARRAY_SIZE(live)),
			 0);
}

/* A stamp of one live block; differs for each @place. */
static uint64_t stamp_of(uint32_t place)
{
	return 1UL << 32 | place;
}

static void check_pool(struct fixture *fixture, size_t index, uint32_t stack)
{
	assert_int_equal(site_ledger__pool_stack(fixture->ledger, pool_at(index)), stack);
}

static uint64_t forgotten_pools(const struct fixture *fixture)
{
	return site_ledger__counts(fixture->ledger)->forgotten_pools;
}

static void test_blocks(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t i = 0; i < 1000; i++)
		tell(fixture, EVENT_ALLOC, block_at(i), i % STACKS, PYFRAG_EVENT_SAMPLED);
	site_ledger__check(fixture->ledger, fixture->heap, false);
	assert_int_equal(site_ledger__block_stack(fixture->ledger, block_at(999)), 999 % STACKS);
	site_ledger__note_gap(fixture->ledger);
	assert_int_equal(site_ledger__counts(fixture->ledger)->forgotten_blocks, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(site_ledger__block_stack(fixture->ledger, block_at(i)),
				 STACK_UNKNOWN);
	/* Events after the gap are certain. */
	tell(fixture, EVENT_ALLOC, block_at(5), 3, PYFRAG_EVENT_SAMPLED);
	site_ledger__check(fixture->ledger, fixture->heap, false);
	assert_int_equal(site_ledger__block_stack(fixture->ledger, block_at(5)), 3);
	site_ledger__check(fixture->ledger, fixture->heap, true);
	assert_int_equal(site_ledger__block_stack(fixture->ledger, block_at(5)), STACK_UNKNOWN);
	assert_int_equal(site_ledger__counts(fixture->ledger)->forgotten_blocks, 1001);
}

/* If nothing was missed, a pool may change in any way. */
static void test_no_gap(void **state)
{
	struct fixture *fixture = *state;

	take_pool(fixture, 0, 1);
	for (uint32_t i = 0; i < 5; i++) {
		set_stamp(fixture, 0, i == 3 ? 0 : stamp_of(i));
		site_ledger__check(fixture->ledger, fixture->heap, false);
		check_pool(fixture, 0, 1);
	}
	assert_int_equal(forgotten_pools(fixture), 0);
}

static void test_gap(void **state)
{
	enum {
		SAME,
		CHANGED,
		NO_STAMP_BEFORE,
		NO_STAMP_AFTER,
		TAKEN_BEFORE,
		TAKEN_AFTER,
		CNT
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < TAKEN_BEFORE; i++) {
		take_pool(fixture, i, 2);
		set_stamp(fixture, i, i == NO_STAMP_BEFORE ? 0 : stamp_of(7));
	}
	site_ledger__check(fixture->ledger, fixture->heap, false);
	take_pool(fixture, TAKEN_BEFORE, 2);
	site_ledger__note_gap(fixture->ledger);
	take_pool(fixture, TAKEN_AFTER, 2);
	/* Nothing is decided before the heap is read. */
	for (size_t i = 0; i < CNT; i++)
		check_pool(fixture, i, 2);
	for (size_t i = 0; i < CNT; i++)
		set_stamp(fixture, i, stamp_of(7));
	set_stamp(fixture, CHANGED, stamp_of(8));
	set_stamp(fixture, NO_STAMP_AFTER, 0);
	for (int round = 0; round < 3; round++) {
		site_ledger__check(fixture->ledger, fixture->heap, false);
		check_pool(fixture, SAME, 2);
		check_pool(fixture, CHANGED, STACK_UNKNOWN);
		check_pool(fixture, NO_STAMP_BEFORE, STACK_UNKNOWN);
		check_pool(fixture, NO_STAMP_AFTER, STACK_UNKNOWN);
		check_pool(fixture, TAKEN_BEFORE, STACK_UNKNOWN);
		check_pool(fixture, TAKEN_AFTER, 2);
		assert_int_equal(forgotten_pools(fixture), 4);
	}
	/* The caller reports it instead: even the last event may be obsolete. */
	take_pool(fixture, CHANGED, 3);
	site_ledger__check(fixture->ledger, fixture->heap, true);
	check_pool(fixture, SAME, 2);
	check_pool(fixture, TAKEN_AFTER, 2);
	check_pool(fixture, CHANGED, STACK_UNKNOWN);
	assert_int_equal(forgotten_pools(fixture), 5);
}

/* Taken again after the gap: its stack is known again. */
static void test_taken_again_after_a_gap(void **state)
{
	struct fixture *fixture = *state;

	take_pool(fixture, 0, 1);
	take_pool(fixture, 1, 1);
	site_ledger__note_gap(fixture->ledger);
	take_pool(fixture, 0, 2);
	free_pool(fixture, 1);
	site_ledger__check(fixture->ledger, fixture->heap, false);
	check_pool(fixture, 0, 2);
	check_pool(fixture, 1, STACK_UNKNOWN);
	assert_int_equal(forgotten_pools(fixture), 0);
}

/* What must be known of a pool. */
struct known_pool {
	uint32_t stack; /* STACK_UNKNOWN: nothing */
	bool doubtful;	/* a gap since it was taken or last read */
	uint64_t stamp; /* when it was last read, or 0 */
	uint64_t now;	/* what a checkpoint would find */
};

static uint64_t check_known(struct known_pool *pools)
{
	uint64_t forgotten = 0;

	for (size_t i = 0; i < POOLS; i++) {
		struct known_pool *pool = &pools[i];

		if (pool->stack == STACK_UNKNOWN)
			continue;
		if (pool->doubtful && (!pool->stamp || pool->stamp != pool->now)) {
			pool->stack = STACK_UNKNOWN;
			forgotten++;
		}
		pool->doubtful = false;
		pool->stamp = pool->now;
	}
	return forgotten;
}

static void change_pool(struct fixture *fixture, struct known_pool *pools, uint64_t *seed)
{
	size_t index = prng__below(seed, POOLS);
	struct known_pool *pool = &pools[index];

	switch (prng__below(seed, 8)) {
	case 0:
		free_pool(fixture, index);
		pool->stack = STACK_UNKNOWN;
		break;
	case 1:
		pool->now = prng__below(seed, 3) ? stamp_of(prng__below(seed, 3)) : 0;
		set_stamp(fixture, index, pool->now);
		break;
	default:
		/* Known stacks stay known for a while. */
		if (pool->stack != STACK_UNKNOWN)
			break;
		*pool = (struct known_pool){.stack = prng__below(seed, STACKS), .now = pool->now};
		take_pool(fixture, index, pool->stack);
	}
}

static void test_random(void **state)
{
	static struct known_pool pools[POOLS];
	struct fixture *fixture = *state;
	uint64_t seed = 99, forgotten = 0;

	for (size_t i = 0; i < POOLS; i++)
		pools[i] = (struct known_pool){.stack = STACK_UNKNOWN};
	for (int round = 0; round < 200; round++) {
		bool gap = prng__below(&seed, 3) == 0;

		for (uint32_t step = prng__below(&seed, 2 * POOLS); step; step--) {
			change_pool(fixture, pools, &seed);
			if (prng__below(&seed, 3 * POOLS))
				continue;
			site_ledger__note_gap(fixture->ledger);
			for (size_t i = 0; i < POOLS; i++)
				pools[i].doubtful = true;
		}
		for (size_t i = 0; i < POOLS && gap; i++)
			pools[i].doubtful = true;
		forgotten += check_known(pools);
		site_ledger__check(fixture->ledger, fixture->heap, gap);
		for (size_t i = 0; i < POOLS; i++)
			check_pool(fixture, i, pools[i].stack);
		assert_int_equal(forgotten_pools(fixture), forgotten);
	}
	assert_true(forgotten > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_blocks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_gap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_taken_again_after_a_gap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
