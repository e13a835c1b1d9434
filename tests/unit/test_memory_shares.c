// SPDX-License-Identifier: BSD-2-Clause
#include "host/memory_shares.h"

#include "unit_test.h"

#define CNT    6
#define LIMIT  (600UL << 10)
#define HEAP_1 (50UL << 10)

/* Users 7, 7, 8, 8, 8, 9: heap images of 50 KiB; the second one of user 7 has 100. */
static const process_owner owners[CNT] = {7, 7, 8, 8, 8, 9};
static const uint64_t sizes[CNT] = {HEAP_1, 2 * HEAP_1, HEAP_1, HEAP_1, HEAP_1 + 1000, HEAP_1};

static struct watched all[CNT], *list[CNT];
static struct heap_source sources[CNT];
static struct target processes[CNT];
static const struct watched *busy;

static int setup(void **state)
{
	(void)state;
	busy = NULL;
	for (int i = 0; i < CNT; i++) {
		processes[i].owner = owners[i];
		sources[i].target = &processes[i];
		assert_int_equal(account__new(&sources[i].account, UINT64_MAX, NULL), 0);
		all[i] = (struct watched){.source = &sources[i], .has_last = true};
		all[i].last.findings.measure.regions =
			account__calloc(sources[i].account, 1, sizes[i]);
		list[i] = &all[i];
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < CNT; i++) {
		watched__forget(&all[i]);
		account__close(sources[i].account);
	}
	return 0;
}

static bool may_forget(const void *context, const struct watched *watched)
{
	(void)context;
	return watched->has_last && watched != busy;
}

/*
 * Checks that exactly these processes give up memory, in this order: digits are indices in the
 * list.
 */
static void assert_order(const struct watched *refused, uint64_t limit_bytes, const char *expected)
{
	struct memory_shares shares;
	bool has_had[CNT];

	assert_int_equal(memory_shares__measure(&shares, list, CNT), 0);
	assert_int_equal(shares.user_cnt, 3);
	for (; *expected; expected++) {
		for (int i = 0; i < CNT; i++)
			has_had[i] = all[i].has_last;
		assert_true(
			memory_shares__forget_one(&shares, refused, limit_bytes, may_forget, NULL));
		for (int i = 0; i < CNT; i++)
			assert_int_equal(all[i].has_last, has_had[i] && i != *expected - '0');
	}
	assert_false(memory_shares__forget_one(&shares, refused, limit_bytes, may_forget, NULL));
	memory_shares__release(&shares);
}

static void test_the_largest_of_the_user_with_most(void **state)
{
	(void)state;
	assert_order(NULL, LIMIT, "412035");
}

static void test_what_is_busy_is_left_alone(void **state)
{
	(void)state;
	busy = &all[1];
	assert_order(NULL, LIMIT, "40235");
}

/* A third of the limit is the share of each user; 8 uses less. */
static void test_nobody_takes_what_is_within_a_share(void **state)
{
	(void)state;
	assert_order(&all[5], 3 * 3 * HEAP_1 + 9000, "5");
}

static void test_who_has_more_than_its_share_yields(void **state)
{
	(void)state;
	assert_order(&all[5], 3 * 2 * HEAP_1 + 9000, "415");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_largest_of_the_user_with_most, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_what_is_busy_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_takes_what_is_within_a_share, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_who_has_more_than_its_share_yields, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
