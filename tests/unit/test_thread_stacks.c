// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/thread_stacks.h"

#include <string.h>

#include "fake_stacks.h"
#include "unit_test.h"
#include "util/cleanup.h"

static void find(struct thread_stacks *stacks, const struct fake_stacks *fake)
{
	assert_int_equal(thread_stacks__find(stacks, &fake->target, &fake->mappings), 0);
}

/* The number of stacks with a place; checks those of threads. */
static size_t check(const struct thread_stacks *stacks, size_t thread_cnt)
{
	size_t cnt = 0, threads = 0;

	for (size_t i = 0; i < stacks->cnt; i++) {
		const struct thread_stack *stack = &stacks->items[i];
		uint64_t place = FAKE_STACKS + (uint64_t)(stack->thread - 4000) * FAKE_STACK_BYTES;

		cnt += stack->end != 0;
		if (!stack->end || !stack->thread)
			continue;
		threads++;
		assert_int_equal(stack->guard_start, place);
		assert_int_equal(stack->start, place + 4096);
		assert_int_equal(stack->end, place + FAKE_STACK_BYTES);
		assert_int_equal(strncmp(stack->name, "worker ", 7), 0);
	}
	assert_int_equal(threads, thread_cnt);
	return cnt;
}

/* All stacks are found, those without a thread, too; threads by their ID in the process. */
static void test_finds_all(void **state)
{
	_cleanup_(thread_stacks__release) struct thread_stacks stacks = {};
	struct fake_stacks fake;

	(void)state;
	fake_stacks__init(&fake);
	find(&stacks, &fake);
	assert_true(stacks.has_lists);
	assert_int_equal(check(&stacks, FAKE_THREADS), FAKE_STACK_CNT);
	assert_int_equal(stacks.cnt, FAKE_STACK_CNT);
	assert_int_equal(stacks.placeless_cnt + stacks.refused_cnt, 0);
	fake_stacks__release(&fake);
}

/* A list that breaks off is followed from its other end. */
static void test_broken_list(void **state)
{
	_cleanup_(thread_stacks__release) struct thread_stacks stacks = {};
	struct fake_stacks fake;

	(void)state;
	fake_stacks__init(&fake);
	*fake_memory__word(&fake.memory, fake_stacks__descriptor(1)) = 0;
	find(&stacks, &fake);
	assert_int_equal(check(&stacks, FAKE_THREADS - 1), FAKE_STACK_CNT - 1);
	assert_int_equal(stacks.placeless_cnt, 1);
	assert_null(thread_stacks__find_pointer(&stacks, FAKE_STACKS, FAKE_STACKS + 0xd008));
	assert_non_null(thread_stacks__find_pointer(&stacks, FAKE_STACKS, FAKE_STACKS + 0xd009));
	fake_stacks__release(&fake);
}

static void test_circular_list(void **state)
{
	_cleanup_(thread_stacks__release) struct thread_stacks stacks = {};
	struct fake_stacks fake;

	(void)state;
	fake_stacks__init(&fake);
	*fake_memory__word(&fake.memory, fake_stacks__links(2)) = fake_stacks__links(0);
	find(&stacks, &fake);
	assert_int_equal(check(&stacks, FAKE_THREADS), FAKE_STACK_CNT);
	assert_int_equal(stacks.refused_cnt, 1);
	fake_stacks__release(&fake);
}

/* What cannot be a stack is none. */
static void test_impossible_stacks(void **state)
{
	static const struct {
		uint64_t offset, word;
	} changes[] = {
		{0x690, 0},		   /* no stack, as of the first thread */
		{0x690, 1},		   /* not of whole pages */
		{0x698, 1UL << 41},	   /* too large */
		{0x698, 0x1000},	   /* its descriptor is not in it */
		{0x6a0, FAKE_STACK_BYTES}, /* nothing but a guard */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		_cleanup_(thread_stacks__release) struct thread_stacks stacks = {};
		struct fake_stacks fake;

		fake_stacks__init(&fake);
		*fake_memory__word(&fake.memory, fake_stacks__descriptor(2) + changes[i].offset) =
			changes[i].word;
		find(&stacks, &fake);
		assert_int_equal(check(&stacks, FAKE_THREADS - 1), FAKE_STACK_CNT - 1);
		fake_stacks__release(&fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_all),
		cmocka_unit_test(test_broken_list),
		cmocka_unit_test(test_circular_list),
		cmocka_unit_test(test_impossible_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
