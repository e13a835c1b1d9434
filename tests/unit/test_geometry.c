// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/geometry.h"

#include "fake_target.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

/*
 * ("blocks in use" + "avail blocks") / "num pools" of a class, as sys._debugmallocstats() prints
 * them: by 3.6.15 and 3.8.18 (pools of 4 KiB), by 3.11.7 and 3.13.0 (16 KiB). Builds with an
 * alignment of 8 are too old to run here; for these: 4048 bytes in blocks of 8 and of 512.
 */
static void test_capacity_is_what_interpreters_print(void **state)
{
	static const struct {
		struct geometry geometry;
		uint32_t size_class, block_size, capacity;
	} rows[] = {
		{{256 << 10, 4096, 8}, 0, 8, 506},   {{256 << 10, 4096, 8}, 63, 512, 7},
		{{256 << 10, 4096, 16}, 0, 16, 253}, {{256 << 10, 4096, 16}, 1, 32, 126},
		{{256 << 10, 4096, 16}, 2, 48, 84},  {{256 << 10, 4096, 16}, 31, 512, 7},
		{{1 << 20, 16384, 16}, 0, 16, 1021}, {{1 << 20, 16384, 16}, 1, 32, 510},
		{{1 << 20, 16384, 16}, 3, 64, 255},  {{1 << 20, 16384, 16}, 31, 512, 31},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(geometry__block_size(&rows[i].geometry, rows[i].size_class),
				 rows[i].block_size);
		assert_int_equal(geometry__pool_capacity(&rows[i].geometry, rows[i].size_class),
				 rows[i].capacity);
	}
	assert_int_equal(geometry__class_cnt(&FAKE_GEOMETRIES[0]), 64);
	assert_int_equal(geometry__class_cnt(&FAKE_GEOMETRIES[2]), 32);
}

static void test_address_belongs_to_the_pool_below_it(void **state)
{
	const struct geometry geometry = FAKE_GEOMETRIES[2];

	(void)state;
	assert_int_equal(geometry__pool_of(&geometry, 0x7f0000004000), 0x7f0000004000);
	assert_int_equal(geometry__pool_of(&geometry, 0x7f0000004030), 0x7f0000004000);
	assert_int_equal(geometry__pool_of(&geometry, 0x7f0000007fff), 0x7f0000004000);
	assert_int_equal(geometry__pool_of(&geometry, 0x7f0000008000), 0x7f0000008000);
}

static void test_misaligned_arena_loses_one_pool(void **state)
{
	const struct geometry small = FAKE_GEOMETRIES[1], large = FAKE_GEOMETRIES[2];

	(void)state;
	assert_int_equal(geometry__first_pool(&small, 0x7f0000001000), 0x7f0000001000);
	assert_int_equal(geometry__arena_pools(&small, 0x7f0000001000), 64);
	assert_int_equal(geometry__first_pool(&small, 0x7f0000001010), 0x7f0000002000);
	assert_int_equal(geometry__arena_pools(&small, 0x7f0000001010), 63);
	assert_int_equal(geometry__first_pool(&large, 0x7f0000001000), 0x7f0000004000);
	assert_int_equal(geometry__arena_pools(&large, 0x7f0000001000), 63);
	assert_int_equal(geometry__arena_pools(&large, 0x7f0000100000), 64);
}

/* Wherever an arena begins, its pools lie in it, and no other pool fits before or after them. */
static void test_pools_fill_the_arena(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		const struct geometry *geometry = &FAKE_GEOMETRIES[i % FAKE_GEOMETRY_CNT];
		uint64_t arena = 0x7f0000000000 + prng__below(&random, 1 << 24) * 8UL;
		uint64_t first = geometry__first_pool(geometry, arena);
		uint64_t pools = geometry__arena_pools(geometry, arena);
		uint64_t end = first + pools * geometry->pool_size;

		assert_int_equal(first % geometry->pool_size, 0);
		assert_true(first >= arena && first - arena < geometry->pool_size);
		assert_true(end <= arena + geometry->arena_size);
		assert_true(arena + geometry->arena_size - end < geometry->pool_size);
	}
}

/* Compared with the list of all values that each field can have in a pool of the class. */
static void test_only_possible_headers_are_sane(void **state)
{
	(void)state;
	for (size_t g = 0; g < FAKE_GEOMETRY_CNT; g++) {
		const struct geometry *geometry = &FAKE_GEOMETRIES[g];
		uint32_t classes = 512 / geometry->alignment;

		for (uint32_t c = 0; c < classes; c++) {
			uint32_t size = (c + 1) * geometry->alignment;
			uint32_t capacity = (geometry->pool_size - 48) / size, carved = 0;
			struct pool_header header = {.szidx = c,
						     .maxnextoffset = geometry->pool_size - size};

			for (uint32_t at = 0; at <= geometry->pool_size + size; at += 8) {
				bool possible = at == 48 + carved * size && carved <= capacity;

				header.nextoffset = at;
				/* The first two blocks are carved together. */
				assert_int_equal(geometry__header_is_sane(geometry, &header),
						 possible && carved >= 2);
				carved += possible;
			}
			assert_int_equal(carved, capacity + 1);
		}
	}
}

static void test_each_wrong_field_makes_a_header_insane(void **state)
{
	const struct geometry geometry = FAKE_GEOMETRIES[2];
	const struct pool_header good = {.count = 1021,
					 .szidx = 0,
					 .nextoffset = 48 + 1021 * 16,
					 .maxnextoffset = 16384 - 16};
	struct pool_header header = good;

	(void)state;
	assert_true(geometry__header_is_sane(&geometry, &header));
	header.count = 1022;
	assert_false(geometry__header_is_sane(&geometry, &header));
	header = good;
	header.szidx = 32;
	assert_false(geometry__header_is_sane(&geometry, &header));
	header.szidx = 0xffff; /* a newly carved pool: DUMMY_SIZE_IDX */
	assert_false(geometry__header_is_sane(&geometry, &header));
	header.szidx = UINT32_MAX;
	assert_false(geometry__header_is_sane(&geometry, &header));
	header = good;
	header.maxnextoffset += 16;
	assert_false(geometry__header_is_sane(&geometry, &header));
	header = good;
	header.nextoffset += 16;
	assert_false(geometry__header_is_sane(&geometry, &header));
	header.nextoffset = UINT32_MAX - 15;
	assert_false(geometry__header_is_sane(&geometry, &header));
	header.nextoffset = 0;
	assert_false(geometry__header_is_sane(&geometry, &header));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capacity_is_what_interpreters_print),
		cmocka_unit_test(test_address_belongs_to_the_pool_below_it),
		cmocka_unit_test(test_misaligned_arena_loses_one_pool),
		cmocka_unit_test(test_pools_fill_the_arena),
		cmocka_unit_test(test_only_possible_headers_are_sane),
		cmocka_unit_test(test_each_wrong_field_makes_a_header_insane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
