// SPDX-License-Identifier: BSD-2-Clause
#include "host/user_debts.h"

#include "unit_test.h"

#define MS 1e6

static double owed(const struct user_debts *debts, process_owner owner)
{
	return user_debts__of(debts, owner).ns;
}

static void test_what_one_pays_the_others_do_not(void **state)
{
	struct user_debts debts = {};

	(void)state;
	assert_true(user_debts__pay(&debts, 5 * MS) == 0);
	user_debts__add(&debts, 7, 100 * MS, true);
	user_debts__add(&debts, 8, 10 * MS, false);
	assert_true(owed(&debts, 9) == 0);
	assert_true(user_debts__of(&debts, 7).has_surprised);
	assert_false(user_debts__of(&debts, 8).has_surprised);
	/* In equal parts; what exceeds one user's debt goes to the other's. */
	assert_true(user_debts__pay(&debts, 10 * MS) == 10 * MS);
	assert_true(owed(&debts, 7) == 95 * MS && owed(&debts, 8) == 5 * MS);
	assert_true(user_debts__pay(&debts, 20 * MS) == 20 * MS);
	assert_true(owed(&debts, 7) == 80 * MS && owed(&debts, 8) == 0);
	/* A debt that is paid off is dropped. */
	assert_true(user_debts__pay(&debts, 1000 * MS) == 80 * MS);
	assert_false(user_debts__of(&debts, 7).has_surprised);
	assert_int_equal(debts.cnt, 0);
}

/* However many users one user can create, a debt does not disappear. */
static void test_very_many_users(void **state)
{
	struct user_debts debts = {};

	(void)state;
	for (process_owner owner = 0; owner < 1000; owner++)
		user_debts__add(&debts, owner, MS, false);
	assert_int_equal(debts.cnt, USER_DEBTS_MAX);
	assert_true(user_debts__sum(&debts) == 1000 * MS);
	assert_true(owed(&debts, 0) == MS);
	assert_true(owed(&debts, 999) == (1000 - USER_DEBTS_MAX) * MS);
	assert_true(owed(&debts, 12345) == (1000 - USER_DEBTS_MAX) * MS);
	user_debts__pay(&debts, 2000 * MS);
	assert_true(user_debts__sum(&debts) == 0);
	assert_int_equal(debts.cnt, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_one_pays_the_others_do_not),
		cmocka_unit_test(test_very_many_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
