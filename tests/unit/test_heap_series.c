// SPDX-License-Identifier: BSD-2-Clause
#include "host/heap_series.h"

#include <stdio.h>
#include <string.h>

#include "unit_test.h"

static struct heap_series series_of(const char *app, double hostage_bytes, double arena_bytes)
{
	return (struct heap_series){.key = {{app, "user", "", "3.11"}},
				    .sums = {.processes = 1,
					     .hostage_bytes = hostage_bytes,
					     .arena_bytes = arena_bytes}};
}

static void check(const struct heap_series *series, const char *app, double processes,
		  double hostage_bytes, double arena_bytes)
{
	assert_string_equal(series->key.values[0], app);
	assert_true(series->sums.processes == processes);
	assert_true(series->sums.hostage_bytes == hostage_bytes);
	assert_true(series->sums.arena_bytes == arena_bytes);
}

static void test_one_program_is_one_series(void **state)
{
	struct heap_series series[] = {series_of("b", 1, 2), series_of("a", 4, 8),
				       series_of("b", 16, 32)};

	(void)state;
	series[0].age_s = 3;
	series[1].age_s = 9;
	series[2].age_s = 5;
	assert_int_equal(heap_series__merge(series, 0, 3), 0);
	assert_int_equal(heap_series__merge(series, 3, 2), 2);
	check(&series[0], "a", 1, 4, 8);
	check(&series[1], "b", 2, 17, 34);
	/* All values are summed up, except the age: that of the oldest counts. */
	assert_true(series[0].age_s == 9);
	assert_true(series[1].age_s == 5);
}

/* Names that sort first give no advantage. */
static void test_the_largest_are_kept(void **state)
{
	struct heap_series series[102];
	char names[100][8];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(names[i], sizeof(names[i]), "!%03d", i);
		series[i] = series_of(names[i], 1, 1);
	}
	series[100] = series_of("zope", 1000, 1);
	series[101] = series_of("yarn", 1, 1000);
	assert_int_equal(heap_series__merge(series, 102, 3), 3);
	check(&series[0], "yarn", 1, 1, 1000);
	check(&series[1], "zope", 1, 1000, 1);
	check(&series[2], "(others)", 100, 100, 100);
	assert_string_equal(series[2].key.values[1], "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_program_is_one_series),
		cmocka_unit_test(test_the_largest_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
