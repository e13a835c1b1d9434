// SPDX-License-Identifier: BSD-2-Clause
#include "util/array.h"

#include <errno.h>
#include <stdlib.h>

#include "unit_test.h"
#include "util/cleanup.h"

struct record {
	uint64_t first;
	uint8_t rest[16];
};

/* With ASan, too, an impossible allocation has to return NULL and not end the test. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void test_makes_room_from_nothing(void **state)
{
	_cleanup_free_ struct record *records = NULL;
	size_t capacity = 0;

	(void)state;
	assert_int_equal(ARRAY_RESERVE(records, capacity, 1), 0);
	assert_non_null(records);
	assert_true(capacity >= 1);
	/* All of it is writable; otherwise ASan fails. */
	for (size_t i = 0; i < capacity; i++)
		records[i] = (struct record){.first = i};
}

static void test_leaves_alone_what_is_large_enough(void **state)
{
	_cleanup_free_ struct record *records = NULL;
	size_t capacity = 0, before;
	struct record *at;

	(void)state;
	assert_int_equal(ARRAY_RESERVE(records, capacity, 100), 0);
	before = capacity;
	at = records;
	assert_int_equal(ARRAY_RESERVE(records, capacity, 0), 0);
	assert_int_equal(ARRAY_RESERVE(records, capacity, 99), 0);
	assert_int_equal(ARRAY_RESERVE(records, capacity, before), 0);
	assert_ptr_equal(records, at);
	assert_int_equal(capacity, before);
}

static void test_growing_keeps_items_and_is_geometric(void **state)
{
	_cleanup_free_ uint32_t *items = NULL;
	size_t capacity = 0, growths = 0;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		size_t before = capacity;

		assert_int_equal(ARRAY_RESERVE(items, capacity, i + 1), 0);
		assert_true(capacity > i);
		if (capacity != before) {
			assert_true(capacity >= before + before / 2);
			growths++;
		}
		items[i] = ~i;
	}
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(items[i], ~i);
	/* 1.5^29 > 100000, and rounding down costs a few more steps for small sizes. */
	assert_true(growths <= 35);
}

static void test_one_large_step(void **state)
{
	_cleanup_free_ uint32_t *items = NULL;
	size_t capacity = 0;

	(void)state;
	assert_int_equal(ARRAY_RESERVE(items, capacity, 3), 0);
	assert_int_equal(ARRAY_RESERVE(items, capacity, 100000), 0);
	assert_true(capacity >= 100000);
	items[99999] = 1;
}

/* The multiplication must not overflow to a small allocation. */
static void test_too_many_changes_nothing(void **state)
{
	_cleanup_free_ struct record *records = NULL;
	size_t capacity = 0, before;
	struct record *at;

	(void)state;
	assert_int_equal(ARRAY_RESERVE(records, capacity, 4), 0);
	records[3].first = 42;
	at = records;
	before = capacity;
	assert_int_equal(ARRAY_RESERVE(records, capacity, SIZE_MAX), -ENOMEM);
	assert_int_equal(ARRAY_RESERVE(records, capacity, SIZE_MAX / sizeof(*records) + 1),
			 -ENOMEM);
	/* Fits a size_t, but no address space. */
	assert_int_equal(ARRAY_RESERVE(records, capacity, SIZE_MAX / 2 / sizeof(*records)),
			 -ENOMEM);
	assert_ptr_equal(records, at);
	assert_int_equal(capacity, before);
	assert_int_equal(records[3].first, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_makes_room_from_nothing),
		cmocka_unit_test(test_leaves_alone_what_is_large_enough),
		cmocka_unit_test(test_growing_keeps_items_and_is_geometric),
		cmocka_unit_test(test_one_large_step),
		cmocka_unit_test(test_too_many_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
