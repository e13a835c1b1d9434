// SPDX-License-Identifier: BSD-2-Clause
#include "host/places.h"

#include <sys/resource.h>

#include "unit_test.h"

#define CNT_MAX 16

static struct watched all[CNT_MAX];
static struct heap_source sources[CNT_MAX];
static struct target processes[CNT_MAX];

static size_t yielding(const process_owner *owners, size_t cnt, process_owner owner)
{
	struct watched *list[CNT_MAX];

	for (size_t i = 0; i < cnt; i++) {
		processes[i].owner = owners[i];
		sources[i].target = &processes[i];
		all[i].source = &sources[i];
		list[i] = &all[i];
	}
	return places__find_yielding(list, cnt, owner);
}

static void test_the_user_with_most_yields(void **state)
{
	static const process_owner owners[] = {7, 8, 7, 9, 7, 8};

	(void)state;
	assert_int_equal(yielding(owners, 6, 0), 4);
	assert_int_equal(yielding(owners, 6, 9), 4);
}

static void test_nobody_yields_to_who_has_as_many(void **state)
{
	static const process_owner owners[] = {7, 8, 7, 9, 7, 8};

	(void)state;
	assert_int_equal(yielding(owners, 6, 7), SIZE_MAX);
	/* It would then have as many as the other: they would take turns forever. */
	assert_int_equal(yielding(owners, 6, 8), SIZE_MAX);
	assert_int_equal(yielding(owners, 1, 8), SIZE_MAX);
	assert_int_equal(yielding(owners, 0, 8), SIZE_MAX);
}

static void test_as_many_as_there_are_descriptors_for(void **state)
{
	struct rlimit before, after;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	after = (struct rlimit){.rlim_cur = 64, .rlim_max = 328};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &after), 0);
	assert_int_equal(places__limit(10 * PLACE_BYTES), 10);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
	assert_int_equal(after.rlim_cur, 148);
	assert_int_equal(places__limit(1000 * PLACE_BYTES), 100);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
	assert_int_equal(after.rlim_cur, 328);
	assert_int_equal(places__limit(0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_user_with_most_yields),
		cmocka_unit_test(test_nobody_yields_to_who_has_as_many),
		cmocka_unit_test(test_as_many_as_there_are_descriptors_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
