// SPDX-License-Identifier: BSD-2-Clause
#include "util/allowance.h"

#include "unit_test.h"

#define SECOND_NS 1000000000UL

static void test_what_was_saved_goes_at_once(void **state)
{
	struct allowance allowance;

	(void)state;
	allowance__begin(&allowance, 0.5, 100, 1000);
	assert_int_equal(allowance__wait_ns(&allowance, 1000), 0);
	allowance__spend(&allowance, 99, 1000);
	assert_int_equal(allowance__wait_ns(&allowance, 1000), 0);
	allowance__spend(&allowance, 1, 1000);
	assert_int_equal(allowance__wait_ns(&allowance, 1000), 1);
	/* However long the pause was, no more than that is saved. */
	allowance__spend(&allowance, 100, 1000 + SECOND_NS);
	assert_int_not_equal(allowance__wait_ns(&allowance, 1000 + SECOND_NS), 0);
}

static void test_a_debt_is_paid_first(void **state)
{
	struct allowance allowance;

	(void)state;
	allowance__begin(&allowance, 0.5, 100, 0);
	allowance__spend(&allowance, 600, 0);
	assert_int_equal(allowance__wait_ns(&allowance, 0), 1001);
	assert_int_equal(allowance__wait_ns(&allowance, 600), 401);
	assert_int_equal(allowance__wait_ns(&allowance, 1001), 0);
}

/* A user who spends whenever possible has spent that share, plus the savings, in the end. */
static void test_the_share(void **state)
{
	struct allowance allowance;
	double spent = 0;

	(void)state;
	allowance__begin(&allowance, 0.1, 5000000, 0);
	for (uint64_t now_ns = 0; now_ns < 10 * SECOND_NS;
	     now_ns += 1000 + allowance__wait_ns(&allowance, now_ns)) {
		allowance__spend(&allowance, 2000000, now_ns);
		spent += 2000000;
	}
	assert_true(spent >= 0.1 * 10 * SECOND_NS);
	assert_true(spent <= 0.1 * 10 * SECOND_NS + 5000000 + 2 * 2000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_saved_goes_at_once),
		cmocka_unit_test(test_a_debt_is_paid_first),
		cmocka_unit_test(test_the_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
