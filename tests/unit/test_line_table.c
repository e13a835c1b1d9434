// SPDX-License-Identifier: BSD-2-Clause
#include "stacks/line_table.h"

#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define LINE_MAX_BYTES 65536

/* A code object in a recording (for the file format see recordings/record_lines.py). */
struct sample {
	enum py_line_kind kind;
	int32_t first_line;
	uint32_t size;
	uint8_t table[LINE_MAX_BYTES / 2];
	size_t table_size;
	char name[128], lines[LINE_MAX_BYTES];
};

/* Searches a copy of exactly the table's size, so that a sanitizer detects a read past its end. */
static int32_t find(enum py_line_kind kind, const uint8_t *bytes, size_t size, int32_t first_line,
		    uint32_t offset)
{
	_cleanup_free_ uint8_t *copy = malloc(size + !size);

	assert_non_null(copy);
	if (size)
		memcpy(copy, bytes, size);
	return line_table__find(kind, copy, size, first_line, offset);
}

#define FIND(kind, first_line, offset, ...)                                                        \
	find(kind, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}),         \
	     first_line, offset)

static void parse_table(struct sample *sample, const char *hex)
{
	sample->table_size = 0;
	for (; *hex && *hex != '\n'; hex += 2) {
		char digits[] = {hex[0], hex[1], '\0'};

		sample->table[sample->table_size++] = (uint8_t)strtoul(digits, NULL, 16);
	}
}

static void check_sample(const struct sample *sample)
{
	const char *at = sample->lines;
	int32_t line = LINE_NONE;
	int used;

	for (uint32_t offset = 0; offset < sample->size; offset++) {
		uint32_t next;
		char text[16];
		int32_t found;

		while (sscanf(at, "%" SCNu32 ":%15s%n", &next, text, &used) == 2 &&
		       next <= offset) {
			line = *text == '-' ? LINE_NONE : atoi(text);
			at += used;
		}
		found = line_table__find(sample->kind, sample->table, sample->table_size,
					 sample->first_line, offset);
		if (found != line)
			fail_msg("%s, offset %u: line %d, should be %d", sample->name, offset,
				 found, line);
	}
}

static size_t check_recording(const char *path)
{
	_cleanup_free_ struct sample *sample = calloc(1, sizeof(*sample));
	_cleanup_free_ char *text = malloc(LINE_MAX_BYTES);
	gzFile file = gzopen(path, "rb");
	size_t cnt = 0;

	assert_non_null(file);
	assert_non_null(sample);
	assert_non_null(text);
	while (gzgets(file, text, LINE_MAX_BYTES)) {
		assert_non_null(strchr(text, '\n'));
		if (sscanf(text, "kind %u", &sample->kind) == 1 || *text == '#')
			continue;
		if (sscanf(text, "code %" SCNd32 " %" SCNu32 " %127s", &sample->first_line,
			   &sample->size, sample->name) == 3)
			continue;
		if (!strncmp(text, "table ", 6)) {
			parse_table(sample, text + 6);
		} else if (sscanf(text, "lines %65535[^\n]", sample->lines) == 1) {
			check_sample(sample);
			cnt++;
		} else {
			assert_string_equal(text, "\n");
		}
	}
	gzclose(file);
	return cnt;
}

static void test_recorded_tables(void **state)
{
	glob_t paths;

	(void)state;
	assert_int_equal(glob(RECORDINGS_DIRECTORY "/lines/*.gz", 0, NULL, &paths), 0);
	assert_true(paths.gl_pathc >= 11);
	for (size_t i = 0; i < paths.gl_pathc; i++)
		assert_true(check_recording(paths.gl_pathv[i]) > 50);
	globfree(&paths);
}

static void test_no_table(void **state)
{
	(void)state;
	/* Code from Cython and extensions: everything is on the first line. */
	assert_int_equal(find(PY_LINES_UNSIGNED, NULL, 0, 7, 0), 7);
	assert_int_equal(find(PY_LINES_SIGNED, NULL, 0, 7, 1000), 7);
	assert_int_equal(find(PY_LINES_RANGES, NULL, 0, 7, 0), LINE_NONE);
	assert_int_equal(find(PY_LINES_LOCATIONS, NULL, 0, 7, 0), LINE_NONE);
	assert_int_equal(find((enum py_line_kind)0, NULL, 0, 7, 0), LINE_NONE);
	assert_int_equal(find((enum py_line_kind)5, NULL, 0, 7, 0), LINE_NONE);
}

static void test_lnotab(void **state)
{
	(void)state;
	assert_int_equal(FIND(PY_LINES_UNSIGNED, 10, 5, 6, 200), 10);
	assert_int_equal(FIND(PY_LINES_UNSIGNED, 10, 6, 6, 200), 210);
	assert_int_equal(FIND(PY_LINES_SIGNED, 100, 6, 6, 200), 44);
	/* A step spread over entries, and steps of no bytes at the beginning. */
	assert_int_equal(FIND(PY_LINES_SIGNED, 1, 299, 0, 127, 0, 10, 255, 0, 45, 127, 0, 1), 138);
	assert_int_equal(FIND(PY_LINES_SIGNED, 1, 300, 0, 127, 0, 10, 255, 0, 45, 127, 0, 1), 266);
	/* Half an entry does not count; no line is below 0 or more than an int holds. */
	assert_int_equal(FIND(PY_LINES_SIGNED, 3, 9, 2, 1, 2), 4);
	assert_int_equal(FIND(PY_LINES_SIGNED, 3, 9, 2, 0xfc), LINE_NONE);
	assert_int_equal(FIND(PY_LINES_UNSIGNED, INT32_MAX, 9, 2, 1), LINE_NONE);
	assert_int_equal(FIND(PY_LINES_SIGNED, INT32_MIN, 9, 2, 0x80), LINE_NONE);
}

static void test_ranges(void **state)
{
	(void)state;
	assert_int_equal(FIND(PY_LINES_RANGES, 5, 0, 4, 1, 2, 0x80, 2, 1), 6);
	assert_int_equal(FIND(PY_LINES_RANGES, 5, 4, 4, 1, 2, 0x80, 2, 1), LINE_NONE);
	assert_int_equal(FIND(PY_LINES_RANGES, 5, 6, 4, 1, 2, 0x80, 2, 1), 7);
	assert_int_equal(FIND(PY_LINES_RANGES, 5, 8, 4, 1, 2, 0x80, 2, 1), LINE_NONE);
	assert_int_equal(FIND(PY_LINES_RANGES, 5, 4, 4, 1, 2), LINE_NONE);
	assert_int_equal(FIND(PY_LINES_RANGES, 5, 0, 4, 0xf0), LINE_NONE);
	assert_int_equal(FIND(PY_LINES_RANGES, 500, 1, 0, 0x81, 0, 0x81, 2, 0xfe), 244);
}

static void test_locations(void **state)
{
	(void)state;
	/*
	 * One entry of each form, two bytes of code each: short, three of one line, no columns,
	 * long, none.
	 */
#define ENTRIES                                                                                    \
	0x80, 0x11, 0xd0, 1, 2, 0xd8, 1, 2, 0xe0, 1, 2, 0xe8, 0x4d, 0x02, 0xf0, 3, 1, 5, 6, 0xf8,  \
		0x80, 0x11
	static const int32_t lines[] = {90, 90, 91, 93, 93 - 70, 93 - 71, LINE_NONE, 93 - 71};

	for (uint32_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, i * 2, ENTRIES), lines[i]);
		assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, i * 2 + 1, ENTRIES), lines[i]);
	}
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, ARRAY_SIZE(lines) * 2, ENTRIES), LINE_NONE);
	/* An entry covers up to 16 bytes. */
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, 15, 0xd7 | 8, 1, 2), 91);
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, 16, 0xd7 | 8, 1, 2), LINE_NONE);
}

static void test_damaged_locations(void **state)
{
	(void)state;
	/*
	 * Begins inside an entry; ends inside a number; a number cut by an entry; too long, too
	 * large.
	 */
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, 0, 0x11, 0x80, 0x11), LINE_NONE);
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, 0, 0xe8), LINE_NONE);
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, 0, 0xe8, 0x41), LINE_NONE);
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, 0, 0xe8, 0x41, 0x80), LINE_NONE);
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, 0, 0xe8, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f,
			      0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 1),
			 LINE_NONE);
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, 0, 0xe8, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x3f),
			 LINE_NONE);
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 90, 0, 0xe8, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x3f),
			 LINE_NONE);
	/* The largest number that is valid. */
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 0, 0, 0xe8, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x03),
			 INT32_MAX);
	assert_int_equal(FIND(PY_LINES_LOCATIONS, 1, 0, 0xe8, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x03),
			 LINE_NONE);
}

/* Whatever the bytes are: no fault, and a line or none. */
static void test_noise(void **state)
{
	uint64_t random = 11;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		uint8_t bytes[40];
		size_t size = prng__below(&random, sizeof(bytes));
		int32_t line;

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)prng__next(&random);
		line = find((enum py_line_kind)(1 + round % 4), bytes, size,
			    (int32_t)prng__next(&random), prng__below(&random, 400));
		assert_true(line >= LINE_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded_tables), cmocka_unit_test(test_no_table),
		cmocka_unit_test(test_lnotab),		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_locations),	cmocka_unit_test(test_damaged_locations),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
