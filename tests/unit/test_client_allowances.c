// SPDX-License-Identifier: BSD-2-Clause
#include "host/client_allowances.h"

#include "unit_test.h"

static struct client_allowances new_allowances(void)
{
	return (struct client_allowances){.per_ns = 0.5, .max = 100};
}

static void test_each_has_its_own(void **state)
{
	struct client_allowances all = new_allowances();

	(void)state;
	assert_int_equal(client_allowances__wait_ns(&all, 7, 10), 0);
	client_allowances__spend(&all, 7, 200, 10);
	assert_int_equal(client_allowances__wait_ns(&all, 7, 10), 201);
	assert_int_equal(client_allowances__wait_ns(&all, 8, 10), 0);
	client_allowances__spend(&all, 8, 200, 110);
	assert_int_equal(client_allowances__wait_ns(&all, 7, 110), 101);
	assert_int_equal(client_allowances__wait_ns(&all, 8, 110), 201);
	assert_int_equal(client_allowances__wait_ns(&all, 7, 211), 0);
}

/* A client that sends from a thousand addresses keeps its debt. */
static void test_a_debt_is_not_forgotten_for_others(void **state)
{
	struct client_allowances all = new_allowances();

	(void)state;
	client_allowances__spend(&all, 7, 200, 0);
	for (uint64_t client = 1000; client < 2000; client++)
		client_allowances__spend(&all, client, 50, 0);
	assert_int_equal(all.cnt, CLIENT_ALLOWANCES_MAX);
	assert_int_equal(client_allowances__wait_ns(&all, 7, 0), 201);
	assert_int_equal(client_allowances__wait_ns(&all, 1999, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_has_its_own),
		cmocka_unit_test(test_a_debt_is_not_forgotten_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
