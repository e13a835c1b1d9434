// SPDX-License-Identifier: BSD-2-Clause
#include "util/partition_point.h"

#include <stdint.h>
#include <stdlib.h>

#include "unit_test.h"

#define CNT_MAX 40

struct item {
	uint64_t address, size;
};

static size_t count_before(const struct item *items, size_t cnt, uint64_t address)
{
	size_t before = 0;

	for (size_t i = 0; i < cnt; i++)
		before += items[i].address < address;
	return before;
}

/* Each address is there @equal_cnt times. */
static void check_arrays(size_t equal_cnt)
{
	for (size_t cnt = 0; cnt <= CNT_MAX; cnt++) {
		/* Of exactly that size, so that the sanitizer sees any step beyond. */
		struct item *items = cnt ? malloc(cnt * sizeof(*items)) : NULL;

		assert_true(!cnt || items);
		for (size_t i = 0; i < cnt; i++)
			items[i] = (struct item){.address = 10 + i / equal_cnt * 2};
		for (uint64_t address = 8; address < 12 + 2 * CNT_MAX; address++)
			assert_int_equal(PARTITION_POINT(item, items, cnt, item->address < address),
					 count_before(items, cnt, address));
		free(items);
	}
}

static void test_counts_as_one_by_one(void **state)
{
	(void)state;
	check_arrays(1);
	check_arrays(3);
}

static void test_all_or_none(void **state)
{
	const uint64_t values[] = {1, 2, 3};

	(void)state;
	assert_int_equal(PARTITION_POINT(value, values, 3, *value), 3);
	assert_int_equal(PARTITION_POINT(value, values, 3, !*value), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_as_one_by_one),
		cmocka_unit_test(test_all_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
