// SPDX-License-Identifier: BSD-2-Clause
/*
 * From events to totals, with a test for each rule. The heap is the sample heap (sample_heap.h): A
 * and B are pinned. test_site_gaps.c tests what is dropped after a gap.
 */
#include "stacks/site_ledger.h"

#include <math.h>
#include <stdlib.h>

#include "fake_code.h"
#include "prng.h"
#include "sample_heap.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define CODE   0x7e0000010000UL
#define BELOW  0.1
#define AMPLE  (16UL << 20)
#define STACKS 3	  /* added to each ledger; their numbers are NUMBER + index */
#define NUMBER 0xabcd0000 /* index 0 */
#define UNTOLD 0x77777777 /* a number without a stack */

/* The bytes that they hold back. */
#define HOSTAGE_A (SAMPLE_ARENA_BYTES - 3 * 32)
#define HOSTAGE_B (SAMPLE_ARENA_BYTES - 512 - 253 * 16)

struct fixture {
	struct fake_memory memory;
	struct stack_table *stacks;
	struct site_ledger *ledger;
	struct heap *heap;
	struct site_totals *totals; /* of the last sum */
};

static uint64_t ledger_cnt; /* makes each ledger's random numbers differ */

static void use_ledger(struct fixture *fixture, uint64_t sample_bytes, bool keeps_blocks,
		       size_t blocks_max)
{
	const struct site_ledger_options options = {
		.layout = pymalloc_layout__of(&sample_geometry),
		.sample_bytes = sample_bytes,
		.keeps_blocks = keeps_blocks,
		.blocks_max = blocks_max,
		.seed = ledger_cnt++ << 1,
	};

	site_ledger__free(fixture->ledger);
	assert_int_equal(site_ledger__new(&fixture->ledger, fixture->stacks, &options), 0);
	assert_true(site_ledger__keeps_blocks(fixture->ledger) == keeps_blocks);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct pyfrag_stack stack;

	assert_non_null(fixture);
	fake_memory__init(&fixture->memory);
	fake_code__map_type(&fixture->memory);
	assert_int_equal(stack_table__new(&fixture->stacks, &FAKE_OFFSETS, &fixture->memory.memory,
					  AMPLE),
			 0);
	use_ledger(fixture, 0, true, 1000000);
	for (uint32_t i = 0; i < STACKS; i++) {
		const struct fake_code code = {"f", "f", "/srv/f.py", (int32_t)i + 1, 0};
		uint64_t address = CODE + i * FAKE_CODE_BYTES;

		fake_code__map(&fixture->memory, address, &code);
		fake_code__make_stack(&stack, NUMBER + i, &address, 1);
		assert_int_equal(stack_table__add(fixture->stacks, &stack), 0);
	}
	assert_int_equal(stack_table__cnt(fixture->stacks), STACKS);
	fixture->heap = sample_heap__new();
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	account__free(fixture->totals);
	heap__free(fixture->heap);
	site_ledger__free(fixture->ledger);
	stack_table__free(fixture->stacks);
	fake_memory__release(&fixture->memory);
	free(fixture);
	return 0;
}

static void apply(struct fixture *fixture, const struct pyfrag_event *event, uint64_t number)
{
	assert_int_equal(site_ledger__apply(fixture->ledger, event, number), 0);
}

/* With the stack of that number; @flags in addition. */
static void tell_stacked(struct fixture *fixture, uint8_t type, uint64_t address, uint32_t size,
			 uint64_t number, uint8_t flags)
{
	const struct pyfrag_event event = {
		.type = type,
		.size_class = (uint8_t)(size ? SAMPLE_CLASS(size) : 0),
		.flags = PYFRAG_EVENT_HAS_STACK | flags,
		.address = address,
	};

	apply(fixture, &event, number);
}

static void tell(struct fixture *fixture, uint8_t type, uint64_t address)
{
	apply(fixture, &(struct pyfrag_event){.type = type, .address = address}, 0);
}

static void alloc(struct fixture *fixture, uint64_t address, uint32_t size, uint32_t stack)
{
	tell_stacked(fixture, EVENT_ALLOC, address, size, NUMBER + stack, PYFRAG_EVENT_SAMPLED);
}

static void take_pool(struct fixture *fixture, uint64_t pool, uint32_t stack)
{
	tell_stacked(fixture, EVENT_NEW_POOL, pool + 48, 32, NUMBER + stack, 0);
}

/* The totals of a stack; with STACKS, those of unknown stacks. */
static const struct site_totals *sum(struct fixture *fixture, uint32_t stack)
{
	struct heap_measure measure;

	account__free(fixture->totals);
	assert_int_equal(heap__measure(fixture->heap, &measure), 0);
	assert_int_equal(site_ledger__sum(fixture->ledger, fixture->heap, &measure, BELOW,
					  &fixture->totals),
			 0);
	heap_measure__free(&measure);
	return &fixture->totals[stack];
}

static void assert_near(double value, double expected)
{
	if (fabs(value - expected) > 1e-9 * (1 + fabs(expected)))
		fail_msg("%.12g is not %.12g", value, expected);
}

static void check_block(struct fixture *fixture, uint64_t address, uint32_t stack)
{
	assert_int_equal(site_ledger__block_stack(fixture->ledger, address), stack);
}

static void check_pool(struct fixture *fixture, uint64_t pool, uint32_t stack)
{
	assert_int_equal(site_ledger__pool_stack(fixture->ledger, pool), stack);
}

static void check_counts(struct fixture *fixture, uint64_t blocks, uint64_t pools)
{
	const struct site_ledger_counts *counts = site_ledger__counts(fixture->ledger);

	assert_int_equal(counts->forgotten_blocks, blocks);
	assert_int_equal(counts->forgotten_pools, pools);
}

static void test_nothing(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t i = 0; i <= STACKS; i++)
		assert_memory_equal(sum(fixture, i), &(struct site_totals){},
				    sizeof(struct site_totals));
	check_block(fixture, SAMPLE_A + 48, STACK_UNKNOWN);
	check_pool(fixture, SAMPLE_A, STACK_UNKNOWN);
	check_counts(fixture, 0, 0);
}

static void test_block_from_alloc_to_free(void **state)
{
	struct fixture *fixture = *state;
	uint64_t block = SAMPLE_C + 48;

	alloc(fixture, block, 512, 1);
	check_block(fixture, block, 1);
	check_block(fixture, block + 512, STACK_UNKNOWN);
	assert_near(sum(fixture, 1)->live_blocks, 1);
	assert_near(sum(fixture, 1)->live_bytes, 512);
	assert_near(sum(fixture, 1)->live_bytes_variance, 0);
	tell(fixture, EVENT_FREE, block + 512);
	check_block(fixture, block, 1);
	tell(fixture, EVENT_FREE, block);
	check_block(fixture, block, STACK_UNKNOWN);
	assert_near(sum(fixture, 1)->live_blocks, 0);
	check_counts(fixture, 0, 0);
}

/* A new allocation at an address ends the previous block, whether or not its own stack is known. */
static void test_block_allocated_again(void **state)
{
	struct fixture *fixture = *state;
	uint64_t block = SAMPLE_C + 48;

	alloc(fixture, block, 512, 1);
	alloc(fixture, block, 256, 2);
	check_block(fixture, block, 2);
	assert_near(sum(fixture, 1)->live_bytes, 0);
	assert_near(sum(fixture, 2)->live_bytes, 256);
	tell(fixture, EVENT_ALLOC, block);
	check_block(fixture, block, STACK_UNKNOWN);
	assert_near(sum(fixture, 2)->live_bytes, 0);

	/* The first block of a pool, too. */
	alloc(fixture, SAMPLE_A + 48, 32, 1);
	take_pool(fixture, SAMPLE_A, 0);
	check_block(fixture, SAMPLE_A + 48, STACK_UNKNOWN);
	tell_stacked(fixture, EVENT_NEW_POOL, SAMPLE_A + 48, 32, NUMBER + 2, PYFRAG_EVENT_SAMPLED);
	check_block(fixture, SAMPLE_A + 48, 2);
}

/* A stack that could not be recorded, or for which there was no room. */
static void test_stacks_not_known(void **state)
{
	const uint64_t numbers[] = {0, UNTOLD};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		tell_stacked(fixture, EVENT_ALLOC, SAMPLE_C + 48 + i * 512, 512, numbers[i],
			     PYFRAG_EVENT_SAMPLED);
		tell_stacked(fixture, EVENT_NEW_POOL, SAMPLE_D + 48 + i * SAMPLE_POOL_BYTES, 16,
			     numbers[i], 0);
		tell_stacked(fixture, EVENT_ARENA_MAP, SAMPLE_D, 0, numbers[i], 0);
	}
	tell(fixture, EVENT_ARENA_MAP, SAMPLE_D);
	check_block(fixture, SAMPLE_C + 48, STACK_UNKNOWN);
	check_pool(fixture, SAMPLE_D, STACK_UNKNOWN);
	assert_near(sum(fixture, STACKS)->live_blocks, 2);
	assert_near(sum(fixture, STACKS)->live_bytes, 1024);
	assert_int_equal(sum(fixture, STACKS)->pools_taken, 2);
	assert_int_equal(sum(fixture, STACKS)->pools_held, 2);
	assert_int_equal(sum(fixture, STACKS)->arenas_taken, 3);
	for (uint32_t i = 0; i < STACKS; i++)
		assert_memory_equal(sum(fixture, i), &(struct site_totals){},
				    sizeof(struct site_totals));
}

static void test_growth(void **state)
{
	struct fixture *fixture = *state;

	take_pool(fixture, SAMPLE_A, 2);
	take_pool(fixture, SAMPLE_B, 2);
	take_pool(fixture, SAMPLE_C, 0);
	tell_stacked(fixture, EVENT_ARENA_MAP, SAMPLE_D, 0, NUMBER + 2, 0);
	/* A stack that could not be collected. */
	tell_stacked(fixture, EVENT_ARENA_MAP, 0, 0, NUMBER + 2, 0);
	check_pool(fixture, SAMPLE_A, 2);
	check_pool(fixture, SAMPLE_A + 48, STACK_UNKNOWN);
	check_pool(fixture, SAMPLE_C, 0);
	/* Freed, and taken by another stack; or taken again without its free being seen. */
	tell(fixture, EVENT_POOL_FREED, SAMPLE_A);
	check_pool(fixture, SAMPLE_A, STACK_UNKNOWN);
	take_pool(fixture, SAMPLE_A, 1);
	take_pool(fixture, SAMPLE_C, 1);
	tell(fixture, EVENT_POOL_FREED, SAMPLE_D);

	assert_int_equal(sum(fixture, 0)->pools_taken, 1);
	assert_int_equal(sum(fixture, 0)->pools_held, 0);
	assert_int_equal(sum(fixture, 1)->pools_taken, 2);
	assert_int_equal(sum(fixture, 1)->pools_held, 2);
	assert_int_equal(sum(fixture, 2)->pools_taken, 2);
	assert_int_equal(sum(fixture, 2)->pools_held, 1);
	assert_int_equal(sum(fixture, 2)->arenas_taken, 1);
	assert_int_equal(sum(fixture, STACKS)->pools_taken, 0);
}

static void test_intervals(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t interval = 0; interval < 3; interval++) {
		site_ledger__begin_interval(fixture->ledger);
		for (uint32_t i = 0; i < interval; i++) {
			take_pool(fixture, SAMPLE_A + i * SAMPLE_POOL_BYTES, 1);
			tell_stacked(fixture, EVENT_ARENA_MAP, SAMPLE_D, 0, NUMBER + 1, 0);
			tell_stacked(fixture, EVENT_NEW_POOL, SAMPLE_B + 48, 32, UNTOLD, 0);
			tell(fixture, EVENT_ARENA_MAP, SAMPLE_D);
		}
		for (uint32_t stack = 1; stack <= STACKS; stack += STACKS - 1) {
			assert_int_equal(sum(fixture, stack)->interval_pools_taken, interval);
			assert_int_equal(sum(fixture, stack)->interval_arenas_taken, interval);
			assert_int_equal(sum(fixture, stack)->pools_taken,
					 interval * (interval + 1) / 2);
			assert_int_equal(sum(fixture, stack)->arenas_taken,
					 interval * (interval + 1) / 2);
		}
	}
	site_ledger__begin_interval(fixture->ledger);
	assert_int_equal(sum(fixture, 1)->interval_pools_taken, 0);
	assert_int_equal(sum(fixture, 1)->pools_held, 2);
}

/* If frees are not reported, blocks are not kept; pools are. */
static void test_blocks_not_kept(void **state)
{
	struct fixture *fixture = *state;

	use_ledger(fixture, 0, false, 1000);
	alloc(fixture, SAMPLE_A + 48, 32, 1);
	tell_stacked(fixture, EVENT_NEW_POOL, SAMPLE_B + 48, 32, NUMBER + 1, PYFRAG_EVENT_SAMPLED);
	check_block(fixture, SAMPLE_A + 48, STACK_UNKNOWN);
	check_block(fixture, SAMPLE_B + 48, STACK_UNKNOWN);
	check_pool(fixture, SAMPLE_B, 1);
	assert_near(sum(fixture, 1)->live_blocks, 0);
	assert_int_equal(sum(fixture, 1)->pools_held, 1);
	check_counts(fixture, 0, 0);
}

/* Allocates @cnt blocks and reports those that the current interval samples. */
static void alloc_sampled(struct fixture *fixture, uint32_t cnt, uint32_t size, uint64_t *random)
{
	for (uint32_t i = 0; i < cnt; i++) {
		uint64_t mean = site_ledger__sample_bytes(fixture->ledger);
		double chance = mean ? -expm1(-(double)size / (double)mean) : 1;
		const struct pyfrag_event event = {
			.type = EVENT_ALLOC,
			.size_class = (uint8_t)SAMPLE_CLASS(size),
			.flags = PYFRAG_EVENT_HAS_STACK | PYFRAG_EVENT_SAMPLED,
			.sample_step = (uint8_t)site_ledger__sample_step(fixture->ledger),
			.address = 0x10000000 + i * 512UL,
		};

		if ((double)prng__next(random) * 0x1p-64 < chance)
			apply(fixture, &event, NUMBER + 1);
	}
}

/* More samples than are kept: the interval doubles, and the sums stay unbiased. */
static void check_doubling(struct fixture *fixture, uint64_t sample_bytes, uint32_t size)
{
	const uint32_t cnt = 4000, runs = 50;
	double bytes = 0, variance = 0, truth = (double)cnt * size;
	uint64_t random = 7;

	for (uint32_t run = 0; run < runs; run++) {
		const struct site_totals *totals;

		use_ledger(fixture, sample_bytes, true, 200);
		alloc_sampled(fixture, cnt, size, &random);
		assert_true(site_ledger__sample_step(fixture->ledger) >= 2);
		totals = sum(fixture, 1);
		bytes += totals->live_bytes;
		variance += totals->live_bytes_variance;
		/* Five standard deviations. */
		assert_true(fabs(totals->live_bytes - truth) <
			    5 * sqrt(totals->live_bytes_variance));
	}
	assert_true(fabs(bytes / runs - truth) < 4 * sqrt(variance) / runs);
}

static void test_distance_is_doubled(void **state)
{
	struct fixture *fixture = *state;

	check_doubling(fixture, 0, 64);
	check_doubling(fixture, 0, 512);
	check_doubling(fixture, 256, 64);
	check_doubling(fixture, 1000, 512);
	use_ledger(fixture, 1000, true, 200);
	assert_int_equal(site_ledger__sample_bytes(fixture->ledger), 1000);
	assert_int_equal(site_ledger__sample_step(fixture->ledger), 0);
}

/* Makes all blocks in the pinned arenas of the sample heap known: A's have stack 0, B's 1 and 2. */
static void tell_pinning_blocks(struct fixture *fixture)
{
	for (uint32_t i = 0; i < 3; i++)
		alloc(fixture, SAMPLE_A + 48 + i * 32, 32, 0);
	alloc(fixture, SAMPLE_B + 3 * SAMPLE_POOL_BYTES + 48 + 6 * 512, 512, 1);
	for (uint32_t i = 0; i < 253; i++)
		alloc(fixture, SAMPLE_B + 4 * SAMPLE_POOL_BYTES + 48 + i * 16, 16, 2);
}

static void test_hostages_are_shared_out(void **state)
{
	struct fixture *fixture = *state;
	double bytes = 0, blocks = 0;

	tell_pinning_blocks(fixture);
	/* In an arena that is not pinned; in an unknown arena. */
	alloc(fixture, SAMPLE_C + 48, 512, 0);
	alloc(fixture, 0x7e1234567890, 64, 0);
	assert_near(sum(fixture, 0)->hostage_bytes, HOSTAGE_A);
	assert_near(sum(fixture, 0)->pinning_blocks, 3);
	assert_near(sum(fixture, 0)->live_bytes, 96 + 512 + 64);
	assert_near(sum(fixture, 0)->live_blocks, 5);
	/* Distributed evenly over 254 blocks, whatever their size. */
	assert_near(sum(fixture, 1)->hostage_bytes, HOSTAGE_B / 254.0);
	assert_near(sum(fixture, 2)->hostage_bytes, HOSTAGE_B * 253.0 / 254);
	assert_near(sum(fixture, 2)->pinning_blocks, 253);
	for (uint32_t i = 0; i <= STACKS; i++) {
		bytes += sum(fixture, i)->hostage_bytes;
		blocks += sum(fixture, i)->pinning_blocks;
		assert_near(sum(fixture, i)->pool_hostage_bytes, 0);
	}
	assert_near(bytes, HOSTAGE_A + HOSTAGE_B);
	assert_near(blocks, 257);
}

static void test_hostages_by_pool(void **state)
{
	struct fixture *fixture = *state;

	take_pool(fixture, SAMPLE_A, 0);
	take_pool(fixture, SAMPLE_B + 3 * SAMPLE_POOL_BYTES, 1);
	take_pool(fixture, SAMPLE_B + 4 * SAMPLE_POOL_BYTES, 2);
	take_pool(fixture, SAMPLE_C, 0); /* pins nothing */
	take_pool(fixture, SAMPLE_D, 1); /* empty */
	assert_near(sum(fixture, 0)->pool_hostage_bytes, HOSTAGE_A);
	assert_near(sum(fixture, 1)->pool_hostage_bytes, HOSTAGE_B / 254.0);
	assert_near(sum(fixture, 2)->pool_hostage_bytes, HOSTAGE_B * 253.0 / 254);
	assert_near(sum(fixture, 0)->hostage_bytes, 0);
	assert_int_equal(sum(fixture, 0)->pools_held, 2);
	assert_int_equal(sum(fixture, 1)->pools_held, 2);
}

/* Data about unmapped arenas is dropped, and no site was dropped as uncertain. */
static void test_arenas_that_are_gone(void **state)
{
	struct fixture *fixture = *state;

	take_pool(fixture, SAMPLE_A, 0);
	take_pool(fixture, SAMPLE_C, 0);
	alloc(fixture, SAMPLE_A + 48, 32, 1);
	alloc(fixture, SAMPLE_C + 48, 32, 1);
	site_ledger__forget_outside(fixture->ledger, fixture->heap);
	check_block(fixture, SAMPLE_C + 48, 1);
	assert_int_equal(heap__remove_region(fixture->heap, SAMPLE_C), 0);
	site_ledger__forget_outside(fixture->ledger, fixture->heap);
	check_block(fixture, SAMPLE_A + 48, 1);
	check_pool(fixture, SAMPLE_A, 0);
	check_block(fixture, SAMPLE_C + 48, STACK_UNKNOWN);
	check_pool(fixture, SAMPLE_C, STACK_UNKNOWN);
	check_counts(fixture, 0, 0);
}

/* A sampled block counts as 1 / p. */
static void test_weights(void **state)
{
	struct fixture *fixture = *state;
	double p32 = 1 - exp(-32 / 1024.0), p512 = 1 - exp(-512 / 1024.0);

	use_ledger(fixture, 1024, true, 1000);
	alloc(fixture, SAMPLE_A + 48, 32, 1);
	alloc(fixture, SAMPLE_A + 48 + 32, 32, 1);
	alloc(fixture, SAMPLE_C + 48, 512, 1);
	assert_near(sum(fixture, 1)->live_blocks, 2 / p32 + 1 / p512);
	assert_near(sum(fixture, 1)->live_bytes, 64 / p32 + 512 / p512);
	assert_near(sum(fixture, 1)->live_bytes_variance,
		    2 * 32 * 32 * (1 - p32) / (p32 * p32) +
			    512.0 * 512 * (1 - p512) / (p512 * p512));
	assert_near(sum(fixture, 1)->pinning_blocks, 2 / p32);
	assert_near(sum(fixture, 1)->hostage_bytes, 2 / p32 * HOSTAGE_A / 3);

	/* The larger the blocks are compared with the interval, the more certain is the result. */
	use_ledger(fixture, 1, true, 1000);
	alloc(fixture, SAMPLE_C + 48, 512, 1);
	assert_near(sum(fixture, 1)->live_bytes, 512);
	assert_near(sum(fixture, 1)->live_bytes_variance, 0);
	/* The smallest blocks with the largest interval still give finite sums. */
	use_ledger(fixture, 1UL << 30, true, 1000);
	alloc(fixture, SAMPLE_C + 48, 16, 1);
	assert_true(fabs(sum(fixture, 1)->live_bytes / (1UL << 30) - 1) < 1e-6);
}

/* If the account has no room, the stack is unknown, and so is what was known about the address. */
static void test_no_room_in_the_account(void **state)
{
	struct site_ledger_options options = {.layout = pymalloc_layout__of(&sample_geometry),
					      .keeps_blocks = true,
					      .blocks_max = 1000};
	struct fixture *fixture = *state;

	site_ledger__free(TAKE_PTR(fixture->ledger));
	assert_int_equal(account__new(&options.account, UINT64_MAX, NULL), 0);
	assert_int_equal(site_ledger__new(&fixture->ledger, fixture->stacks, &options), 0);
	account__refuse_nth(options.account, 1);
	alloc(fixture, SAMPLE_C + 48, 512, 1);
	check_block(fixture, SAMPLE_C + 48, STACK_UNKNOWN);
	assert_int_equal(site_ledger__counts(fixture->ledger)->forgotten_blocks, 1);
	/* The growth is counted, but its site is unknown; then the pool is not kept. */
	account__refuse_nth(options.account, 1);
	take_pool(fixture, SAMPLE_A, 2);
	check_pool(fixture, SAMPLE_A, 2);
	assert_int_equal(sum(fixture, 2)->pools_taken, 0);
	assert_int_equal(sum(fixture, STACKS)->pools_taken, 1);
	/* Blocks are kept again when there is room. */
	alloc(fixture, SAMPLE_C + 48, 512, 1);
	check_block(fixture, SAMPLE_C + 48, 1);
	assert_int_equal(account__usage(options.account).refused, 2);
	site_ledger__free(TAKE_PTR(fixture->ledger));
	assert_int_equal(account__usage(options.account).used_bytes, 0);
	account__close(options.account);
}

#define RULE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(test_nothing),
		RULE(test_block_from_alloc_to_free),
		RULE(test_block_allocated_again),
		RULE(test_stacks_not_known),
		RULE(test_growth),
		RULE(test_intervals),
		RULE(test_blocks_not_kept),
		RULE(test_distance_is_doubled),
		RULE(test_hostages_are_shared_out),
		RULE(test_hostages_by_pool),
		RULE(test_arenas_that_are_gone),
		RULE(test_weights),
		RULE(test_no_room_in_the_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
