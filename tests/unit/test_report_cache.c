// SPDX-License-Identifier: BSD-2-Clause
#include "agent/report_cache.h"

#include <stdlib.h>
#include <string.h>

#include "agent/reader.h"
#include "unit_test.h"

static void put(struct report_cache *cache, pid_t pid, size_t size, uint64_t now_ns)
{
	char *bytes = calloc(1, size + 1);
	struct shared_text *text = shared_text__new(bytes, size);

	assert_true(bytes && text);
	report_cache__put(cache, pid, text, now_ns);
	shared_text__release(text);
	free(bytes);
}

static void test_a_report_is_kept_for_a_while(void **state)
{
	struct report_cache cache = {};

	(void)state;
	put(&cache, 7, 10, 100);
	put(&cache, 8, 20, 200);
	assert_int_equal(report_cache__find(&cache, 7, 99 + REPORT_CACHE_NS)->size, 10);
	assert_null(report_cache__find(&cache, 9, 99 + REPORT_CACHE_NS));
	assert_null(report_cache__find(&cache, 7, 100 + REPORT_CACHE_NS));
	assert_int_equal(report_cache__find(&cache, 8, 100 + REPORT_CACHE_NS)->size, 20);
	assert_int_equal(cache.bytes, 20);
	report_cache__release(&cache);
	assert_int_equal(cache.bytes, 0);
}

static void test_it_is_bounded(void **state)
{
	struct report_cache cache = {};

	(void)state;
	for (pid_t pid = 1; pid <= REPORT_CACHE_MAX + 1; pid++)
		put(&cache, pid, 1, 100);
	assert_int_equal(cache.cnt, REPORT_CACHE_MAX);
	assert_null(report_cache__find(&cache, 1, 100));
	assert_non_null(report_cache__find(&cache, 2, 100));
	put(&cache, 100, REPORT_BYTES_MAX - 1, 100);
	assert_int_equal(cache.cnt, 2);
	put(&cache, 101, REPORT_BYTES_MAX, 100);
	assert_int_equal(cache.cnt, 1);
	report_cache__release(&cache);
}

/* Serving a text may take longer than it is cached. */
static void test_what_is_held_outlives_it(void **state)
{
	struct report_cache cache = {};
	struct shared_text *text = shared_text__new("report", 6), *held;

	(void)state;
	report_cache__put(&cache, 7, text, 100);
	shared_text__release(text);
	held = shared_text__hold(report_cache__find(&cache, 7, 100));
	report_cache__release(&cache);
	assert_string_equal(held->bytes, "report");
	shared_text__release_bytes(held->bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_report_is_kept_for_a_while),
		cmocka_unit_test(test_it_is_bounded),
		cmocka_unit_test(test_what_is_held_outlives_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
