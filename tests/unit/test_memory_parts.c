// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/memory_parts.h"

#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* Of small numbers, so that all cases of overlapping occur. */
#define ADDRESSES 40

/* Whose each address is, found without sorting: as memory_parts.h says it. */
static const struct part_range *owner_at(const struct part_range *items, size_t cnt, uint64_t at)
{
	const struct part_range *best = NULL;

	for (size_t i = 0; i < cnt; i++)
		if (items[i].start <= at && at < items[i].end &&
		    (!best || items[i].part < best->part))
			best = &items[i];
	return best;
}

static void check(const struct part_ranges *settled, const struct part_range *items, size_t cnt)
{
	for (size_t i = 1; i < settled->cnt; i++)
		assert_true(settled->items[i - 1].end <= settled->items[i].start);
	for (uint64_t at = 0; at <= ADDRESSES; at++) {
		const struct part_range *expected = owner_at(items, cnt, at),
					*found = part_ranges__from(settled, at);

		if (!expected) {
			assert_true(!found || found->start > at);
			continue;
		}
		assert_non_null(found);
		assert_true(found->start <= at && at < found->end);
		assert_int_equal(found->part, expected->part);
		assert_int_equal(found->owner, expected->owner);
	}
}

/* Every address goes to the first part that has a range there. */
static void test_first_part_wins(void **state)
{
	uint64_t random = 15;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		_cleanup_(part_ranges__release) struct part_ranges ranges = {};
		struct part_range items[MEMORY_PART_CNT];
		size_t cnt = prng__below(&random, MEMORY_PART_CNT + 1);

		/* One of each part at most: then the order in which they were added is not used. */
		for (size_t i = 0; i < cnt; i++) {
			items[i] = (struct part_range){
				.start = prng__below(&random, ADDRESSES),
				.end = prng__below(&random, ADDRESSES),
				.part = (enum memory_part)(MEMORY_PART_CNT - 1 - i),
				.owner = (uint32_t)i,
			};
			assert_int_equal(part_ranges__add(&ranges, items[i].start, items[i].end,
							  items[i].part, items[i].owner),
					 0);
		}
		assert_int_equal(part_ranges__settle(&ranges), 0);
		check(&ranges, items, cnt);
	}
}

/* Ranges of one owner are joined; those of others are not. */
static void test_adjacent_ranges_are_joined(void **state)
{
	_cleanup_(part_ranges__release) struct part_ranges ranges = {};

	(void)state;
	part_ranges__add(&ranges, 30, 40, MEMORY_STACKS, 1);
	part_ranges__add(&ranges, 10, 20, MEMORY_MALLOC, 0);
	part_ranges__add(&ranges, 15, 30, MEMORY_MALLOC, 0);
	part_ranges__add(&ranges, 40, 50, MEMORY_STACKS, 2);
	assert_int_equal(part_ranges__settle(&ranges), 0);
	assert_int_equal(ranges.cnt, 3);
	assert_int_equal(ranges.items[0].start, 10);
	assert_int_equal(ranges.items[0].end, 30);
	assert_int_equal(ranges.items[1].end, ranges.items[2].start);
	assert_int_equal(ranges.items[2].owner, 2);
	assert_ptr_equal(part_ranges__from(&ranges, 29), &ranges.items[0]);
	assert_ptr_equal(part_ranges__from(&ranges, 30), &ranges.items[1]);
	assert_null(part_ranges__from(&ranges, 50));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_part_wins),
		cmocka_unit_test(test_adjacent_ranges_are_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
