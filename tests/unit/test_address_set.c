// SPDX-License-Identifier: BSD-2-Clause
#include "util/address_set.h"

#include "unit_test.h"

#define CNT 5000UL

/* Multiples of a page, which addresses of frames and thread states often are. */
static void test_each_is_new_once(void **state)
{
	struct address_set set = {};

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint64_t i = 0; i < CNT; i++)
			assert_int_equal(address_set__add(&set, i * 4096), round == 0);
	assert_int_equal(set.cnt, CNT);
	address_set__release(&set);
	assert_int_equal(address_set__add(&set, 4096), 1);
	address_set__release(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_new_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
