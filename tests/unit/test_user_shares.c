// SPDX-License-Identifier: BSD-2-Clause
#include "host/user_shares.h"

#include "unit_test.h"

#define MS 1000000UL

static void test_the_only_one_may_take_all(void **state)
{
	struct user_shares shares = {};

	(void)state;
	assert_false(user_shares__is_over(&shares, 7));
	user_shares__spend(&shares, 7, 1000 * MS);
	assert_false(user_shares__is_over(&shares, 7));
}

static void test_who_takes_more_than_the_others(void **state)
{
	struct user_shares shares = {};

	(void)state;
	user_shares__spend(&shares, 7, 1000 * MS);
	user_shares__spend(&shares, 8, 10 * MS);
	assert_true(user_shares__is_over(&shares, 7));
	assert_false(user_shares__is_over(&shares, 8));
	assert_false(user_shares__is_over(&shares, 9));
	/* What was used long ago is forgotten. */
	for (int i = 0; i < 20; i++)
		user_shares__tick(&shares);
	assert_false(user_shares__is_over(&shares, 7));
	assert_int_equal(shares.cnt, 0);
	assert_int_equal(shares.spent_ns, 0);
}

/* However many users one user can create (subuid(5)), the total is not exceeded. */
static void test_very_many_users(void **state)
{
	struct user_shares shares = {};

	(void)state;
	user_shares__spend(&shares, 7, 1000 * MS);
	for (process_owner owner = 100000; owner < 101000; owner++)
		user_shares__spend(&shares, owner, 1 * MS);
	assert_int_equal(shares.cnt, USER_SHARES_MAX);
	assert_int_equal(shares.spent_ns, 1000 * MS + (USER_SHARES_MAX - 1) * MS);
	assert_true(user_shares__is_over(&shares, 7));
	assert_false(user_shares__is_over(&shares, 100999));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_only_one_may_take_all),
		cmocka_unit_test(test_who_takes_more_than_the_others),
		cmocka_unit_test(test_very_many_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
