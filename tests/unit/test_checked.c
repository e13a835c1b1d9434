// SPDX-License-Identifier: BSD-2-Clause
#include "util/checked.h"

#include <stddef.h>

#include "unit_test.h"
#include "util/cleanup.h"

/* The limits of 64 bits, and numbers close to them. */
static const uint64_t numbers[] = {
	0,
	1,
	2,
	8,
	1UL << 32,
	(1UL << 63) - 1,
	1UL << 63,
	(1UL << 63) + 1,
	UINT64_MAX - 8,
	UINT64_MAX - 1,
	UINT64_MAX,
};

typedef unsigned __int128 wide;

static bool fits(wide value)
{
	return value <= UINT64_MAX;
}

/* The oracle computes the same in 128 bits. */
static void test_unsigned(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		for (size_t j = 0; j < ARRAY_SIZE(numbers); j++) {
			uint64_t a = numbers[i], b = numbers[j], out = 42;
			wide sum = (wide)a + b, product = (wide)a * b,
			     rounded = b ? ((wide)a + b - 1) / b * b : 0;

			assert_int_equal(checked_add(a, b, &out), fits(sum));
			assert_int_equal(out, fits(sum) ? (uint64_t)sum : 42);
			out = 42;
			assert_int_equal(checked_mul(a, b, &out), fits(product));
			assert_int_equal(out, fits(product) ? (uint64_t)product : 42);
			out = 42;
			assert_int_equal(checked_sub(a, b, &out), a >= b);
			assert_int_equal(out, a >= b ? a - b : 42);
			out = 42;
			if (!b)
				continue;
			assert_int_equal(checked_round_up(a, b, &out), fits(rounded));
			assert_int_equal(out, fits(rounded) ? (uint64_t)rounded : 42);
		}
}

static void test_signed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		for (size_t j = 0; j < ARRAY_SIZE(numbers); j++) {
			int64_t a = (int64_t)numbers[i], b = (int64_t)numbers[j], out = 42;
			__int128 sum = (__int128)a + b;
			bool sum_fits = sum >= INT64_MIN && sum <= INT64_MAX;

			assert_int_equal(checked_add_signed(a, b, &out), sum_fits);
			assert_int_equal(out, sum_fits ? (int64_t)sum : 42);
		}
	assert_int_equal(magnitude(INT64_MIN), 1UL << 63);
	assert_int_equal(magnitude(-1), 1);
	assert_int_equal(magnitude(INT64_MAX), INT64_MAX);
}

static void test_items(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		for (size_t j = 0; j < ARRAY_SIZE(numbers); j++) {
			wide item = (wide)4096 + (wide)numbers[i] * numbers[j];
			uint64_t out = 42;

			assert_int_equal(checked_item(4096, numbers[i], numbers[j], &out),
					 fits(item));
			assert_int_equal(out, fits(item) ? (uint64_t)item : 42);
		}
}

static void check_part(uint64_t offset, uint64_t size, uint64_t total)
{
	bool is_within = (wide)offset + size <= total;

	assert_int_equal(part_is_within(offset, size, total), is_within);
	assert_int_equal(signed_part_is_within((int64_t)offset, size, total),
			 (int64_t)offset >= 0 && is_within);
}

static void test_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		for (size_t j = 0; j < ARRAY_SIZE(numbers); j++)
			for (size_t k = 0; k < ARRAY_SIZE(numbers); k++)
				check_part(numbers[i], numbers[j], numbers[k]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unsigned),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
