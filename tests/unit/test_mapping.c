// SPDX-License-Identifier: BSD-2-Clause
/* Texts of maps that a test cannot make the kernel write: too long, malformed. */
#include "target/mapping.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

static int read_text(struct mappings *out, char *text)
{
	_cleanup_fclose_ FILE *file = fmemopen(text, strlen(text), "r");

	assert_non_null(file);
	return mappings__read(out, file);
}

/* Writes the line of mapping @i, which begins at 4096 * (@i + 1). */
static void write_line(FILE *file, size_t i, const char *path)
{
	fprintf(file, "%zx-%zx r-xp 00000000 08:01 %zu %s%s\n", 4096 * (i + 1), 4096 * (i + 2), i,
		*path ? "                " : "", path);
}

static void test_lines(void **state)
{
	char text[] = "1000-2000 r--p 00001000 fd:01 42                /lib/a b (deleted)\n"
		      "2000-3000 rwxs 00000000 00:00 0 \n"
		      "3000-4000 ---p 00000000 00:00 0                  [stack]\n";
	struct mappings mappings;

	(void)state;
	assert_int_equal(read_text(&mappings, text), 0);
	assert_int_equal(mappings.cnt, 3);
	assert_false(mappings.is_cut);
	assert_string_equal(mappings.items[0].path, "/lib/a b");
	assert_true(mappings.items[0].deleted && mappings.items[0].readable);
	assert_int_equal(mappings.items[0].offset, 0x1000);
	assert_int_equal(mappings.items[0].dev_major, 0xfd);
	assert_int_equal(mappings.items[0].inode, 42);
	assert_string_equal(mappings.items[1].path, "");
	assert_true(mappings.items[1].writable && mappings.items[1].executable);
	assert_string_equal(mappings.items[2].path, "[stack]");
	mappings__release(&mappings);
}

static void test_neighbours_share_a_name(void **state)
{
	static const char *const paths[] = {"/a", "/a", "", "", "/a", "/b", "/b", "[heap]"};
	struct mappings mappings;
	char text[4096] = "";
	FILE *file = fmemopen(text, sizeof(text), "w");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		write_line(file, i, paths[i]);
	fclose(file);
	assert_int_equal(read_text(&mappings, text), 0);
	assert_int_equal(mappings.cnt, ARRAY_SIZE(paths));
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_string_equal(mappings.items[i].path, paths[i]);
	assert_ptr_equal(mappings.items[0].path, mappings.items[1].path);
	assert_ptr_equal(mappings.items[5].path, mappings.items[6].path);
	assert_int_equal(mappings.name_bytes, 3 + 3 + 3 + sizeof("[heap]"));
	mappings__release(&mappings);
}

static void test_malformed(void **state)
{
	static const char *const texts[] = {"x\n", "1000-2000\n", "1000-2000 r--p 0 1:2\n", "\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct mappings mappings = {};
		char text[64];

		snprintf(text, sizeof(text), "%s", texts[i]);
		assert_int_equal(read_text(&mappings, text), -EIO);
		assert_null(mappings.items);
	}
}

static void read_many(struct mappings *out, size_t cnt, const char *path_format)
{
	_cleanup_fclose_ FILE *file = tmpfile();

	assert_non_null(file);
	for (size_t i = 0; i < cnt; i++) {
		char path[4200];

		snprintf(path, sizeof(path), path_format, (int)i);
		write_line(file, i, path);
	}
	rewind(file);
	assert_int_equal(mappings__read(out, file), 0);
}

static void test_too_many(void **state)
{
	struct mappings mappings;

	(void)state;
	read_many(&mappings, MAPPINGS_MAX, "/lib/same");
	assert_int_equal(mappings.cnt, MAPPINGS_MAX);
	assert_false(mappings.is_cut);
	mappings__release(&mappings);
	read_many(&mappings, MAPPINGS_MAX + 1, "/lib/same");
	assert_int_equal(mappings.cnt, MAPPINGS_MAX);
	assert_true(mappings.is_cut);
	mappings__release(&mappings);
}

static void test_names_too_long(void **state)
{
	struct mappings mappings;

	(void)state;
	/* 4096 bytes each, with the NUL. */
	read_many(&mappings, 5000, "/%04094d");
	assert_true(mappings.is_cut);
	assert_int_equal(mappings.cnt, MAPPING_NAMES_MAX_BYTES / 4096);
	assert_int_equal(mappings.name_bytes, MAPPING_NAMES_MAX_BYTES);
	mappings__release(&mappings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_neighbours_share_a_name),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_names_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
