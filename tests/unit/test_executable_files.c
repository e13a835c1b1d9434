// SPDX-License-Identifier: BSD-2-Clause
#include "target/executable_files.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

static struct mapping map_file(uint64_t start, uint64_t inode, unsigned int device, bool executable)
{
	return (struct mapping){.start = start,
				.end = start + 1,
				.inode = inode,
				.dev_major = device,
				.executable = executable};
}

static void test_each_file_once(void **state)
{
	const struct mapping maps[] = {
		map_file(1, 9, 1, false), map_file(2, 9, 1, true),  map_file(3, 0, 0, true),
		map_file(4, 5, 1, true),  map_file(5, 9, 1, true),  map_file(6, 5, 2, true),
		map_file(7, 5, 1, true),  map_file(8, 7, 1, false),
	};
	_cleanup_(executable_files__release) struct executable_files files = {};

	(void)state;
	assert_int_equal(executable_files__find(&files, maps, ARRAY_SIZE(maps)), 0);
	assert_int_equal(files.cnt, 3);
	assert_ptr_equal(files.items[0], &maps[1]);
	assert_ptr_equal(files.items[1], &maps[3]);
	assert_ptr_equal(files.items[2], &maps[5]);
	/* It is found by a non-executable mapping, too. */
	assert_int_equal(executable_files__place_of(&files, &maps[0]), 0);
	assert_int_equal(executable_files__place_of(&files, &maps[6]), 1);
	assert_int_equal(executable_files__place_of(&files, &maps[5]), 2);
	assert_int_equal(executable_files__place_of(&files, &maps[7]), SIZE_MAX);
	assert_int_equal(executable_files__place_of(&files, &maps[2]), SIZE_MAX);
}

static void test_none(void **state)
{
	const struct mapping other = map_file(1, 9, 1, true);
	struct executable_files files;

	(void)state;
	assert_int_equal(executable_files__find(&files, NULL, 0), 0);
	assert_int_equal(files.cnt, 0);
	assert_int_equal(executable_files__place_of(&files, &other), SIZE_MAX);
	executable_files__release(&files);
}

/* Comparing all pairs would take minutes. */
static void test_very_many(void **state)
{
	size_t cnt = MAPPINGS_MAX;
	struct mapping *maps = calloc(cnt, sizeof(*maps));
	struct executable_files files;

	(void)state;
	assert_non_null(maps);
	for (size_t i = 0; i < cnt; i++)
		maps[i] = map_file(i, 1 + i * 7919 % (cnt / 2), 1, true);
	assert_int_equal(executable_files__find(&files, maps, cnt), 0);
	assert_int_equal(files.cnt, cnt / 2);
	for (size_t i = 0; i < files.cnt; i++)
		assert_int_equal(executable_files__place_of(&files, &maps[i]), i);
	executable_files__release(&files);
	free(maps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_file_once),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_very_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
