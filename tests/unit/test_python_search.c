// SPDX-License-Identifier: BSD-2-Clause
/*
 * The search for a CPython in several files. This process looks like a Python with more data than
 * is copied at once (target/module_data.h), and a second file with the same data seems to be mapped
 * after it.
 */
#include "target/python.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/live.h"
#include "target/mapped_file.h"
#include "unit_test.h"
#include "util/array.h"
#include "util/cleanup.h"

#define OTHER_INODE (1UL << 40) /* added to that of the executable */

static char version_buffer[250]; /* Py_GetVersion()'s */
static volatile char large_data[40UL << 20];

/* The process, with the mappings of its executable listed once more, as those of another file. */
struct fixture {
	struct target *live, target;
	struct memory memory;
	bool version_is_found;
	uint32_t errors_left; /* number of readings that fail after the version was found */
};

static struct fixture *the_fixture;

static bool has_version(const struct memory_range *range)
{
	return (uint64_t)(uintptr_t)version_buffer - range->address < range->size;
}

/* Fails when the data is searched the second time, for _PyRuntime. */
static int read_ranges(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	struct fixture *fixture = the_fixture;

	(void)memory;
	if (fixture->version_is_found && fixture->errors_left) {
		fixture->version_is_found = false;
		fixture->errors_left--;
		return -EDQUOT;
	}
	for (size_t i = 0; i < cnt; i++)
		fixture->version_is_found |= has_version(&ranges[i]);
	return fixture->live->memory->read_ranges(fixture->live->memory, ranges, cnt);
}

static int find_touched(const struct memory *memory, uint64_t start, uint64_t end,
			memory_run_fn *take, void *context)
{
	(void)memory;
	return memory__find_touched(the_fixture->live->memory, start, end, take, context);
}

static int find_mapped_file(const struct target *target, const struct mapping *mapping,
			    struct mapped_file *out)
{
	struct mapping real = *mapping;

	(void)target;
	if (real.inode >= OTHER_INODE)
		real.inode -= OTHER_INODE;
	return mapped_file__find(out, the_fixture->live, &real);
}

static const struct target_ops ops = {.find_mapped_file = find_mapped_file};

/* Appends the executable's code as that of another file. */
static void add_other_file(struct fixture *fixture)
{
	const struct target *live = fixture->live;
	struct mapping *maps = calloc(live->map_cnt + 1, sizeof(*maps));
	size_t code = 0;

	assert_non_null(maps);
	memcpy(maps, live->maps, live->map_cnt * sizeof(*maps));
	while (!maps[code].executable || strcmp(maps[code].path, live->exe) != 0)
		assert_true(++code < live->map_cnt);
	maps[live->map_cnt] = maps[code];
	maps[live->map_cnt].inode += OTHER_INODE;
	fixture->target.maps = maps;
	fixture->target.map_cnt = live->map_cnt + 1;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct failure failure;

	assert_non_null(fixture);
	assert_int_equal(live__open(&fixture->live, getpid(), &failure), 0);
	fixture->memory = (struct memory){.read_ranges = read_ranges, .find_touched = find_touched};
	fixture->target = *fixture->live;
	fixture->target.ops = &ops;
	fixture->target.memory = &fixture->memory;
	add_other_file(fixture);
	large_data[sizeof(large_data) / 2] = 1;
	strcpy(version_buffer, "3.11.2 (main, May  2 2024, 11:59:08) [GCC 12.2.0]");
	*state = the_fixture = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	free(fixture->target.maps);
	target__free(fixture->live);
	free(fixture);
	return 0;
}

static size_t count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t cnt = 0;

	assert_non_null(directory);
	while (readdir(directory))
		cnt++;
	closedir(directory);
	return cnt;
}

static void test_error_in_the_first_of_two(void **state)
{
	struct fixture *fixture = *state;
	size_t descriptors = count_descriptors();
	struct failure failure = {};
	struct python *python;

	fixture->errors_left = 1;
	assert_int_equal(python__find(&python, &fixture->target, &failure), 0);
	assert_int_equal(fixture->errors_left, 0);
	assert_string_equal(python->version, "3.11.2");
	python__free(python);
	/* The first file is closed, too. */
	assert_int_equal(count_descriptors(), descriptors);
}

static void test_errors_in_both(void **state)
{
	struct fixture *fixture = *state;
	size_t descriptors = count_descriptors();
	struct python *python = NULL;
	struct failure failure = {};

	fixture->errors_left = 2;
	assert_int_equal(python__find(&python, &fixture->target, &failure), -EDQUOT);
	assert_int_equal(fixture->errors_left, 0);
	assert_null(python);
	assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_error_in_the_first_of_two, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_errors_in_both, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
