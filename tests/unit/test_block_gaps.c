// SPDX-License-Identifier: BSD-2-Clause
#include "heap/block_gaps.h"

#include "prng.h"
#include "unit_test.h"

#define BASE	  0x7f3210000000UL
#define ALIGNMENT 16UL
#define CHUNK	  (64UL << 10)
#define BLOCKS	  (64 * CHUNK / ALIGNMENT) /* possible ones */

static const struct block_map_layout layout = {
	.alignment = ALIGNMENT,
	.page_bytes = 4096,
	.chunk_bytes = CHUNK,
};

/* Blocks that are close together in some places, and far apart in others. */
static struct block_map *make_map(uint64_t seed)
{
	struct block_map *map;
	uint64_t distance = 1;

	assert_int_equal(block_map__new(&map, &layout, NULL), 0);
	for (size_t i = prng__next(&seed) % 3000; i < BLOCKS;
	     i += 1 + prng__next(&seed) % distance) {
		bool was_live;

		assert_int_equal(block_map__insert(map, BASE + i * ALIGNMENT, &was_live), 0);
		if (prng__next(&seed) % 50 == 0)
			distance = 1UL << prng__next(&seed) % 15;
	}
	return map;
}

/* The next gap, found block by block. */
static bool find_next(const struct block_map *map, uint64_t *at, bool *has_from, uint64_t end,
		      uint64_t bytes, struct block_gap *out)
{
	while (*at < end) {
		uint64_t from = *at, to = *has_from ? from + ALIGNMENT : from;
		bool had_from = *has_from, has_to = block_map__next(map, &to, end);

		*at = has_to ? to : end;
		*has_from = true;
		if (*at - from > bytes) {
			*out = (struct block_gap){had_from ? from : 0, has_to ? to : 0};
			return true;
		}
	}
	return false;
}

static void check_range(const struct block_map *map, uint64_t start, uint64_t end,
			uint64_t bytes_max, uint64_t seed)
{
	struct block_gaps gaps = block_gaps__in(map, start, end);
	struct block_gap gap = {}, expected = {};
	bool has_from = false, is_there = true;
	uint64_t at = start, bytes = 0;

	while (is_there) {
		bytes += prng__next(&seed) % (bytes_max - bytes + 1);

		is_there = find_next(map, &at, &has_from, end, bytes, &expected);
		assert_int_equal(block_gaps__next(&gaps, bytes, &gap), is_there);
		assert_int_equal(gap.from, expected.from);
		assert_int_equal(gap.to, expected.to);
	}
}

static void test_finds_what_is_found_block_by_block(void **state)
{
	static const uint64_t largest[] = {0, 15, 200, 1023, 4143, 100000, 1UL << 40};
	uint64_t seed = 5;

	(void)state;
	for (uint64_t i = 0; i < 20; i++) {
		struct block_map *map = make_map(i);

		for (size_t j = 0; j < ARRAY_SIZE(largest); j++) {
			uint64_t start = prng__next(&seed) % BLOCKS,
				 cnt = prng__next(&seed) % (BLOCKS - start + 1);

			start = BASE + start * ALIGNMENT;
			check_range(map, BASE, BASE + BLOCKS * ALIGNMENT, largest[j], seed);
			check_range(map, start, start + cnt * ALIGNMENT, largest[j], seed);
		}
		block_map__free(map);
	}
}

static void test_an_empty_map_is_one_gap(void **state)
{
	struct block_map *map;
	struct block_gaps gaps;
	struct block_gap gap;

	(void)state;
	assert_int_equal(block_map__new(&map, &layout, NULL), 0);
	gaps = block_gaps__in(map, BASE, BASE + 3 * CHUNK);
	assert_true(block_gaps__next(&gaps, CHUNK, &gap));
	assert_int_equal(gap.from, 0);
	assert_int_equal(gap.to, 0);
	assert_false(block_gaps__next(&gaps, CHUNK, &gap));
	gaps = block_gaps__in(map, BASE, BASE + CHUNK);
	assert_false(block_gaps__next(&gaps, CHUNK, &gap));
	block_map__free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_what_is_found_block_by_block),
		cmocka_unit_test(test_an_empty_map_is_one_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
