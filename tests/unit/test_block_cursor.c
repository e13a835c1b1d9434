// SPDX-License-Identifier: BSD-2-Clause
#include "heap/block_cursor.h"

#include "prng.h"
#include "unit_test.h"

#define BASE	  0x7f3210000000UL
#define ALIGNMENT 16UL
#define CHUNK	  (64UL << 10)
#define BLOCKS	  4096UL /* possible ones: those of one chunk of the map */

static const struct block_map_layout layout = {
	.alignment = ALIGNMENT,
	.page_bytes = 4096,
	.chunk_bytes = CHUNK,
};

/* Every third chunk of the map exists. */
static uint64_t any_address(uint64_t *seed)
{
	return BASE + prng__next(seed) % 20 * 3 * CHUNK + prng__next(seed) % BLOCKS * ALIGNMENT;
}

static struct block_map *new_map(void)
{
	struct block_map *map;

	assert_int_equal(block_map__new(&map, &layout, NULL), 0);
	return map;
}

/* All operations do as those of the map, wherever the cursor is. */
static void test_does_as_the_map(void **state)
{
	struct block_map *map = new_map(), *same = new_map();
	struct block_cursor cursor = block_cursor__at(map);
	uint64_t seed = 7;
	bool was_there;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint64_t address = any_address(&seed);

		assert_int_equal(block_cursor__insert(&cursor, address), 0);
		assert_int_equal(block_map__insert(same, address, &was_there), 0);
	}
	assert_int_equal(block_map__chunk_cnt(map), block_map__chunk_cnt(same));
	for (int i = 0; i < 30000; i++) {
		uint64_t address = any_address(&seed) + i % 2 * CHUNK,
			 end = address + prng__next(&seed) % 200 * ALIGNMENT * (i % 3 ? 1 : 500) -
			       i % 5 * ALIGNMENT,
			 found = address, expected = address;

		assert_int_equal(block_cursor__contains(&cursor, address),
				 block_map__contains(same, address));
		assert_int_equal(block_cursor__next(&cursor, &found, end),
				 block_map__next(same, &expected, end));
		assert_int_equal(found, expected);
	}
	block_map__free(map);
	block_map__free(same);
}

/* A look at an address where the map has nothing does not keep blocks from being added there. */
static void test_adds_where_nothing_was(void **state)
{
	struct block_map *map = new_map();
	struct block_cursor cursor = block_cursor__at(map);

	(void)state;
	assert_false(block_cursor__contains(&cursor, BASE));
	assert_int_equal(block_map__chunk_cnt(map), 0);
	assert_int_equal(block_cursor__insert(&cursor, BASE), 0);
	assert_true(block_cursor__contains(&cursor, BASE));
	assert_true(block_map__contains(map, BASE));
	block_map__free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_does_as_the_map),
		cmocka_unit_test(test_adds_where_nothing_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
