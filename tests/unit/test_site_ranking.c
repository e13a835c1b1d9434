// SPDX-License-Identifier: BSD-2-Clause
/*
 * The sites that a report shows, their order, and the remainder, on the sample heap
 * (sample_heap.h): A and B are pinned, by 3 blocks of 32 bytes, and by one of 512 and 253 of 16.
 */
#include "analysis/site_ranking.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_code.h"
#include "sample_heap.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define CODE   0x7e0000010000UL
#define NUMBER 0x10000 /* of the stack with index 0 */
#define BELOW  0.1

#define HOSTAGE_A (SAMPLE_ARENA_BYTES - 3 * 32)
#define HOSTAGE_B (SAMPLE_ARENA_BYTES - 512 - 253 * 16)
#define POOL_B3	  (SAMPLE_B + 3 * SAMPLE_POOL_BYTES)
#define POOL_B4	  (SAMPLE_B + 4 * SAMPLE_POOL_BYTES)

struct fixture {
	struct fake_memory memory;
	struct stack_table *stacks;
	struct site_ledger *ledger;
	struct heap *heap;
	struct pinned_history history;
	struct pinned pinned;
	struct site_ranking ranking;
};

static void use_ledger(struct fixture *fixture, uint64_t sample_bytes)
{
	const struct site_ledger_options options = {.layout = pymalloc_layout__of(&sample_geometry),
						    .sample_bytes = sample_bytes,
						    .keeps_blocks = true,
						    .blocks_max = 100000};

	site_ledger__free(fixture->ledger);
	assert_int_equal(site_ledger__new(&fixture->ledger, fixture->stacks, &options), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fake_memory__init(&fixture->memory);
	fake_code__map_type(&fixture->memory);
	assert_int_equal(stack_table__new(&fixture->stacks, &FAKE_OFFSETS, &fixture->memory.memory,
					  16 << 20),
			 0);
	use_ledger(fixture, 0);
	fixture->heap = sample_heap__new();
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	site_ranking__free(&fixture->ranking);
	pinned__free(&fixture->pinned);
	pinned_history__free(&fixture->history);
	heap__free(fixture->heap);
	site_ledger__free(fixture->ledger);
	stack_table__free(fixture->stacks);
	fake_memory__release(&fixture->memory);
	free(fixture);
	return 0;
}

/* Stack i runs f<i>, at line i + 1. */
static void add_stacks(struct fixture *fixture, uint32_t cnt)
{
	for (uint32_t i = stack_table__cnt(fixture->stacks); cnt--; i++) {
		uint64_t address = CODE + i * FAKE_CODE_BYTES;
		struct pyfrag_stack stack;
		char name[16];
		struct fake_code code = {name, name, "/srv/f.py", (int32_t)i + 1, 0};

		snprintf(name, sizeof(name), "f%u", i);
		fake_code__map(&fixture->memory, address, &code);
		fake_code__make_stack(&stack, NUMBER + i, &address, 1);
		assert_int_equal(stack_table__add(fixture->stacks, &stack), 0);
	}
}

static void tell(struct fixture *fixture, uint8_t type, uint64_t address, uint32_t size,
		 uint32_t stack)
{
	const struct pyfrag_event event = {
		.type = type,
		.size_class = (uint8_t)SAMPLE_CLASS(size),
		.flags = PYFRAG_EVENT_HAS_STACK | (type == EVENT_ALLOC ? PYFRAG_EVENT_SAMPLED : 0),
		.address = address,
	};

	assert_int_equal(site_ledger__apply(fixture->ledger, &event, NUMBER + stack), 0);
}

/* At most this many blocks of each pinned arena are listed. */
static void collect(struct fixture *fixture, uint32_t blocks_per_arena_max)
{
	const struct pinned_options options = {.below = BELOW,
					       .blocks_per_region_max = blocks_per_arena_max};
	struct heap_measure measure;

	site_ranking__free(&fixture->ranking);
	pinned__free(&fixture->pinned);
	assert_int_equal(heap__measure(fixture->heap, &measure), 0);
	assert_int_equal(pinned__find(&fixture->pinned, fixture->heap, &measure, &options,
				      &fixture->history, 1),
			 0);
	assert_int_equal(site_ranking__collect(&fixture->ranking, fixture->ledger, fixture->stacks,
					       SITES_REPORTED_MAX, fixture->heap, &measure,
					       &fixture->pinned),
			 0);
	heap_measure__free(&measure);
}

static const struct ranked_site *find_site(const struct fixture *fixture, uint32_t id)
{
	for (size_t i = 0; i < fixture->ranking.cnt; i++)
		if (fixture->ranking.items[i].id == id)
			return &fixture->ranking.items[i];
	return NULL;
}

static void assert_near(double value, double expected)
{
	if (fabs(value - expected) > 1e-6 * (1 + fabs(expected)))
		fail_msg("%.12g is not %.12g", value, expected);
}

typedef int compare_sites(const void *left, const void *right);

/* Each of @sites comes before all that follow it. */
static void check_order(compare_sites *compare, const struct ranked_site *sites, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		for (size_t j = 0; j < cnt; j++) {
			int order = compare(&sites[i], &sites[j]);

			assert_int_equal(order < 0, i < j);
			assert_int_equal(order > 0, i > j);
		}
}

/* Ties in one key are resolved by the next; finally by the order of recording. */
static void test_orders(void **state)
{
	static const struct ranked_site sites[] = {
		{.id = 9, .totals = {.hostage_bytes = 2}},
		{.id = 8, .totals = {.hostage_bytes = 1, .pool_hostage_bytes = 0.75}},
		{.id = 7, .totals = {.hostage_bytes = 1, .pool_hostage_bytes = 0.5}},
		{.id = 6, .totals = {.live_bytes = 1e15}},
		{.id = 5, .totals = {.live_bytes = 16}},
		{.id = 4, .totals = {.pools_held = 2}},
		{.id = 3, .totals = {.pools_held = 1, .pools_taken = 7}},
		{.id = 2, .totals = {.pools_held = 1, .pools_taken = 6, .arenas_taken = 1}},
		{.id = 1, .totals = {.arenas_taken = 3}},
		{.id = 0, .totals = {.live_blocks = 5}},
		{.id = 10},
	};

	(void)state;
	check_order(ranked_site__compare_hostage, sites, ARRAY_SIZE(sites));
	check_order(ranked_site__compare_live, sites + 3, ARRAY_SIZE(sites) - 3);
	check_order(ranked_site__compare_growth, sites + 5, ARRAY_SIZE(sites) - 5);
	assert_true(ranked_site__compare_live(&sites[3], &sites[0]) < 0);
	assert_true(ranked_site__compare_growth(&sites[5], &sites[0]) < 0);
	assert_true(ranked_site__compare_growth(&sites[5], &sites[3]) < 0);
}

static void test_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct site_totals *unknown = &fixture->ranking.unknown;

	/* Stacks without memory are not sites. */
	add_stacks(fixture, 5);
	collect(fixture, 2);
	assert_int_equal(fixture->ranking.cnt, 0);
	assert_int_equal(fixture->ranking.omitted_cnt, 0);
	assert_near(unknown->live_bytes, SAMPLE_LIVE_BYTES);
	assert_near(unknown->live_blocks, SAMPLE_LIVE_BLOCKS);
	assert_near(unknown->hostage_bytes, HOSTAGE_A + HOSTAGE_B);
	assert_near(unknown->pool_hostage_bytes, HOSTAGE_A + HOSTAGE_B);
	assert_near(unknown->pinning_blocks, 257);
	assert_int_equal(fixture->pinned.block_cnt, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(fixture->ranking.block_sites[i], STACK_UNKNOWN);
		assert_int_equal(fixture->ranking.pool_sites[i], STACK_UNKNOWN);
	}
}

static void test_sites_and_blocks(void **state)
{
	struct fixture *fixture = *state;
	const struct site_ranking *ranking = &fixture->ranking;
	const struct site_totals *unknown = &ranking->unknown;

	add_stacks(fixture, 4);
	tell(fixture, EVENT_ALLOC, SAMPLE_A + 48 + 32, 32, 3);
	tell(fixture, EVENT_ALLOC, POOL_B3 + 48 + 6 * 512, 512, 2);
	tell(fixture, EVENT_NEW_POOL, POOL_B4 + 48, 16, 1);
	tell(fixture, EVENT_NEW_POOL, POOL_B3 + 48, 512, 2);
	tell(fixture, EVENT_ARENA_MAP, SAMPLE_A, 16, 0);
	tell(fixture, EVENT_ARENA_MAP, SAMPLE_B, 16, 77);
	collect(fixture, 2);
	assert_int_equal(ranking->cnt, 4);
	assert_int_equal(ranking->omitted_cnt, 0);
	for (uint32_t i = 0; i < 4; i++) {
		const struct stack *stack = &ranking->items[i].stack;
		char name[16];

		/* The third of an arena; one of 254 parts; the rest of B, by its pool; an arena. */
		assert_int_equal(ranking->items[i].id, 3 - i);
		snprintf(name, sizeof(name), "f%u", 3 - i);
		assert_int_equal(stack->frame_cnt, 1);
		assert_string_equal(stack->frames[0].function, name);
		assert_string_equal(stack->frames[0].file, "/srv/f.py");
		assert_int_equal(stack->frames[0].line, 4 - i);
	}
	assert_near(ranking->items[0].totals.hostage_bytes, HOSTAGE_A / 3.0);
	assert_near(unknown->live_bytes, SAMPLE_LIVE_BYTES - 32 - 512);
	assert_near(unknown->live_blocks, SAMPLE_LIVE_BLOCKS - 2);
	assert_near(unknown->hostage_bytes, HOSTAGE_A * 2 / 3.0 + HOSTAGE_B * 253.0 / 254);
	assert_near(unknown->pinning_blocks, 255);
	assert_near(unknown->pool_hostage_bytes, HOSTAGE_A);
	assert_int_equal(unknown->arenas_taken, 1);
	/* Listed are A's first two blocks, B's of 512 bytes, and its first of 16. */
	assert_int_equal(ranking->block_sites[0], STACK_UNKNOWN);
	assert_int_equal(ranking->block_sites[1], 3);
	assert_int_equal(ranking->block_sites[2], 2);
	assert_int_equal(ranking->block_sites[3], STACK_UNKNOWN);
	assert_int_equal(ranking->pool_sites[1], STACK_UNKNOWN);
	assert_int_equal(ranking->pool_sites[2], 2);
	assert_int_equal(ranking->pool_sites[3], 1);
}

/* An estimate may exceed the total: the remainder is then 0, not negative. */
static void test_estimates_above_all(void **state)
{
	struct fixture *fixture = *state;

	use_ledger(fixture, 1 << 30);
	add_stacks(fixture, 1);
	tell(fixture, EVENT_ALLOC, SAMPLE_A + 48, 32, 0);
	collect(fixture, 2);
	assert_true(fixture->ranking.items[0].totals.live_bytes > 1e9);
	assert_near(fixture->ranking.unknown.live_bytes, 0);
	assert_near(fixture->ranking.unknown.live_blocks, 0);
	assert_near(fixture->ranking.unknown.hostage_bytes, 0);
	assert_near(fixture->ranking.unknown.pinning_blocks, 0);
	assert_near(fixture->ranking.unknown.pool_hostage_bytes, HOSTAGE_A + HOSTAGE_B);
}

/* The first hundred in each order; of two equal ones, the one recorded first. */
static void test_omitted(void **state)
{
	struct fixture *fixture = *state;

	add_stacks(fixture, 320);
	for (uint32_t i = 0; i < 150; i++)
		tell(fixture, EVENT_ALLOC, SAMPLE_C + 48 + i * 512, 512, i);
	for (uint32_t i = 150; i < 300; i++)
		tell(fixture, EVENT_NEW_POOL, SAMPLE_D + i * SAMPLE_POOL_BYTES + 48, 16, i);
	collect(fixture, 2);
	assert_int_equal(fixture->ranking.cnt, 200);
	assert_int_equal(fixture->ranking.omitted_cnt, 100);
	for (uint32_t i = 0; i < 320; i++)
		assert_int_equal(find_site(fixture, i) != NULL, i < 100 || (i >= 150 && i < 250));
	/* Sites that are not shown are still known. */
	assert_near(fixture->ranking.unknown.live_bytes, 0);
	for (size_t i = 1; i < fixture->ranking.cnt; i++)
		assert_true(ranked_site__compare_hostage(&fixture->ranking.items[i - 1],
							 &fixture->ranking.items[i]) < 0);
}

/* The site of a listed block is shown, whatever its rank. */
static void test_sites_of_listed_blocks(void **state)
{
	struct fixture *fixture = *state;

	add_stacks(fixture, 257);
	for (uint32_t i = 0; i < 3; i++)
		tell(fixture, EVENT_ALLOC, SAMPLE_A + 48 + i * 32, 32, i);
	tell(fixture, EVENT_ALLOC, POOL_B3 + 48 + 6 * 512, 512, 3);
	for (uint32_t i = 0; i < 253; i++)
		tell(fixture, EVENT_ALLOC, POOL_B4 + 48 + i * 16, 16, 256 - i);
	collect(fixture, 2);
	assert_int_equal(fixture->ranking.block_sites[3], 256);
	assert_int_equal(fixture->ranking.cnt, SITES_REPORTED_MAX + 1);
	assert_int_equal(fixture->ranking.omitted_cnt, 257 - SITES_REPORTED_MAX - 1);
	assert_int_equal(fixture->ranking.items[SITES_REPORTED_MAX].id, 256);
	assert_non_null(find_site(fixture, 99));
	assert_null(find_site(fixture, 100));

	collect(fixture, 1000);
	assert_int_equal(fixture->pinned.block_cnt, 257);
	assert_int_equal(fixture->ranking.cnt, 257);
	assert_int_equal(fixture->ranking.omitted_cnt, 0);
}

/* A ranking is read after the trace has continued and recorded more stacks. */
static void test_frames_stay(void **state)
{
	struct fixture *fixture = *state;
	const struct stack *stack;

	add_stacks(fixture, 1);
	tell(fixture, EVENT_ALLOC, SAMPLE_A + 48, 32, 0);
	collect(fixture, 2);
	add_stacks(fixture, 1000);
	stack = &fixture->ranking.items[0].stack;
	assert_string_equal(stack->frames[0].function, "f0");
	assert_int_equal(stack->frames[0].line, 1);
}

/* Like collect(), with the earlier findings; each refused allocation ends it, and nothing leaks. */
static void test_every_refusal_is_survived(void **state)
{
	struct fixture *fixture = *state;
	struct heap_measure measure;
	uint64_t nth = 0;
	int err;

	add_stacks(fixture, 4);
	tell(fixture, EVENT_ALLOC, SAMPLE_A + 48 + 32, 32, 3);
	tell(fixture, EVENT_ALLOC, POOL_B3 + 48 + 6 * 512, 512, 2);
	collect(fixture, 2);
	assert_int_equal(heap__measure(fixture->heap, &measure), 0);
	do {
		struct site_ranking ranking = {};
		struct account *account;

		assert_int_equal(account__new(&account, UINT64_MAX, NULL), 0);
		account__refuse_nth(account, ++nth);
		fixture->heap->account = account;
		err = site_ranking__collect(&ranking, fixture->ledger, fixture->stacks,
					    SITES_REPORTED_MAX, fixture->heap, &measure,
					    &fixture->pinned);
		fixture->heap->account = NULL;
		assert_true(!err || err == -EDQUOT);
		assert_int_equal(ranking.cnt, err ? 0 : 2);
		assert_int_equal(account__usage(account).refused, err != 0);
		site_ranking__free(&ranking);
		assert_int_equal(account__usage(account).used_bytes, 0);
		account__close(account);
	} while (err);
	/*
	 * All sites, the wanted ones, their sums; sites of blocks and of pools; the kept ones, and
	 * frames of two
	 */
	assert_int_equal(nth - 1, 8);
	heap_measure__free(&measure);
}

#define ON_HEAP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),	ON_HEAP(test_nothing),
		ON_HEAP(test_sites_and_blocks), ON_HEAP(test_estimates_above_all),
		ON_HEAP(test_omitted),		ON_HEAP(test_sites_of_listed_blocks),
		ON_HEAP(test_frames_stay),	ON_HEAP(test_every_refusal_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
