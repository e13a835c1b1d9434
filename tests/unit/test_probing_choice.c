// SPDX-License-Identifier: BSD-2-Clause
#include "host/probing_choice.h"

#include "unit_test.h"

#define SECOND_NS 1000000000UL
#define CNT	  8

static struct watched all[CNT];
static struct watched *list[CNT];

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < CNT; i++) {
		all[i] = (struct watched){.has_last = true};
		list[i] = &all[i];
	}
	return 0;
}

static void hold_back(int i, uint64_t bytes)
{
	all[i].last.findings.pinned.hostage_bytes = bytes;
}

static void assert_chosen(uint64_t now_ns, unsigned int expected)
{
	unsigned int chosen = 0;

	probing_choice__make(list, CNT, now_ns);
	for (int i = 0; i < CNT; i++)
		chosen |= (unsigned int)all[i].wants_growth << i;
	assert_int_equal(chosen, expected);
}

static void test_nobody_without_need(void **state)
{
	(void)state;
	assert_chosen(SECOND_NS, 0);
	hold_back(3, 1);
	hold_back(5, 100);
	backoff__fail(&all[5].growth_backoff, 10 * SECOND_NS, 20 * SECOND_NS, SECOND_NS);
	all[6].has_last = false;
	hold_back(6, 100);
	assert_chosen(SECOND_NS, 1 << 3);
	/* A failed process is tried again. */
	assert_chosen(11 * SECOND_NS - 1, 1 << 3);
	assert_chosen(11 * SECOND_NS, 1 << 3 | 1 << 5);
}

static void test_those_with_most_need(void **state)
{
	(void)state;
	for (int i = 0; i < CNT; i++)
		hold_back(i, 100 + (uint64_t)i);
	assert_chosen(SECOND_NS, 0xf0);
	/* One process grows by 200 bytes a minute. */
	growth__add(&all[0].trend, 0, 1000);
	growth__add(&all[0].trend, 60 * SECOND_NS, 1200);
	for (int i = 0; i < CNT; i++)
		all[i].wants_growth = false;
	assert_chosen(SECOND_NS, 0xe1);
}

static void test_who_is_chosen_stays(void **state)
{
	(void)state;
	for (int i = 0; i < CNT; i++)
		hold_back(i, 100 + (uint64_t)i);
	assert_chosen(SECOND_NS, 0xf0);
	hold_back(0, 1000);
	hold_back(4, 0);
	assert_chosen(60 * SECOND_NS, 0xf0);
	assert_chosen(61 * SECOND_NS, 0xe1);
	/* Compared with others that need it hardly more, also later. */
	hold_back(1, 110);
	assert_chosen(1000 * SECOND_NS, 0xe1);
	hold_back(1, 1000);
	assert_chosen(1001 * SECOND_NS, 0xc3);
}

static void test_an_alert_goes_first(void **state)
{
	(void)state;
	for (int i = 0; i < CNT; i++)
		hold_back(i, 100 + (uint64_t)i);
	assert_chosen(SECOND_NS, 0xf0);
	all[2].has_alert = true;
	hold_back(2, 0);
	assert_chosen(2 * SECOND_NS, 0xe4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nobody_without_need, setup),
		cmocka_unit_test_setup(test_those_with_most_need, setup),
		cmocka_unit_test_setup(test_who_is_chosen_stays, setup),
		cmocka_unit_test_setup(test_an_alert_goes_first, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
