// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/top_pin_summary.h"

#include "unit_test.h"

static struct top_pin_summary sum_up(struct top_pin *pins, size_t cnt)
{
	const struct top_pins all = {.items = pins, .cnt = cnt, .knows_resident = true};

	return top_pins__sum_up(&all);
}

/* Of each arena so many pins count as keep half of what all of them do. */
static void test_pins_that_keep_most(void **state)
{
	struct top_pin pins[] = {
		{.arena = 0, .size = 100, .released_bytes = 10},
		{.arena = 0, .rung = 1, .size = 200, .released_bytes = 600, .may_be_cached = true},
		{.arena = 0, .rung = 2, .size = 300, .released_bytes = 1000},
		{.arena = 2, .size = 50, .withheld_bytes = 5000},
		{.arena = 2, .rung = 1, .size = 50, .withheld_bytes = 5001},
		{.arena = 3, .size = 50},
	};
	struct top_pin_summary sum = sum_up(pins, ARRAY_SIZE(pins));

	(void)state;
	assert_int_equal(sum.arenas, 2);
	assert_int_equal(sum.chunks, 3);
	assert_int_equal(sum.cacheable, 1);
	assert_int_equal(sum.chunk_bytes, 350);
	assert_int_equal(sum.released_bytes, 600);
	assert_int_equal(sum.withheld_bytes, 5000);
	assert_int_equal(sum.kept_bytes, 5600);
	assert_ptr_equal(sum.first, &pins[3]);
}

/* What is at the top already is not kept by a pin. */
static void test_top_is_not_kept(void **state)
{
	struct top_pin pins[] = {
		{.arena = 0, .size = 100, .withheld_bytes = 9000, .top_now_bytes = 9000},
		{.arena = 1, .size = 100, .withheld_bytes = 9000, .top_now_bytes = 8000},
	};
	struct top_pin_summary sum = sum_up(pins, ARRAY_SIZE(pins));

	(void)state;
	assert_int_equal(sum.arenas, 1);
	assert_int_equal(sum.kept_bytes, 1000);
	assert_ptr_equal(sum.first, &pins[1]);
	assert_null(sum_up(pins, 1).first);
}

static void test_arenas_one_by_one(void **state)
{
	struct top_pin pins[] = {
		{.arena = 0, .released_bytes = 10},
		{.arena = 0, .rung = 1, .released_bytes = 600},
		{.arena = 0, .rung = 2, .released_bytes = 1000},
		{.arena = 3, .size = 50},
	};
	const struct top_pins all = {.items = pins, .cnt = ARRAY_SIZE(pins)}, none = {};
	struct arena_pins arena = {};

	(void)state;
	assert_false(top_pins__next_arena(&none, &arena));
	assert_true(top_pins__next_arena(&all, &arena));
	assert_int_equal(arena.cnt, 3);
	assert_int_equal(arena.counted, 2);
	assert_int_equal(arena.kept_bytes, 600);
	assert_true(top_pins__next_arena(&all, &arena));
	assert_ptr_equal(arena.items, &pins[3]);
	assert_int_equal(arena.counted, 0);
	assert_false(top_pins__next_arena(&all, &arena));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pins_that_keep_most),
		cmocka_unit_test(test_top_is_not_kept),
		cmocka_unit_test(test_arenas_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
