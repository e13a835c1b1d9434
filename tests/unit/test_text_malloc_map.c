// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_malloc_map.h"

#include <stdlib.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

/* The text of a map of @cnt heaps, all of which have these sectors. */
static char *write_heaps(char *sectors, size_t cnt)
{
	_cleanup_free_ struct malloc_map_heap *heaps = calloc(cnt, sizeof(*heaps));
	struct malloc_map map = {.heaps = heaps, .cnt = cnt, .knows_resident = true};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(heaps);
	assert_non_null(out);
	for (size_t i = 0; i < cnt; i++)
		heaps[i] = (struct malloc_map_heap){
			.start = 0x7f0000000000,
			.end = 0x7f0001000000,
			.sector_bytes = 4096,
			.sector_cnt = strlen(sectors),
			.sectors = sectors,
			.in_use_bytes = 5 << 20,
			.free_bytes = 1 << 20,
			.top_bytes = 10 << 20,
			.resident_bytes = 8 << 20,
			.free_resident_bytes = 3 << 20,
		};
	text_malloc_map__write(&map, out);
	fclose(out);
	return text;
}

static size_t count_lines(const char *text)
{
	size_t cnt = 0;

	while ((text = strchr(text, '\n'))) {
		cnt++;
		text++;
	}
	return cnt;
}

static void fill_lines(char *sectors, const char *signs)
{
	size_t length = strlen(signs) * MALLOC_MAP_COLUMNS;

	for (size_t i = 0; i < length; i++)
		sectors[i] = signs[i / MALLOC_MAP_COLUMNS];
	sectors[length] = '\0';
}

static void test_lines_that_are_alike_are_written_once(void **state)
{
	char sectors[10 * MALLOC_MAP_COLUMNS + 1];
	_cleanup_free_ char *text = NULL;
	const char *first;

	(void)state;
	fill_lines(sectors, "*... -^^");
	strcat(sectors, "^^^^");
	text = write_heaps(sectors, 1);
	assert_non_null(strstr(text,
			       "\nHeap at 0x7f0000000000 of a thread's arena: 16.0 MiB (8.0 MiB "
			       "in RAM), 5.0 MiB in use, 11.0 MiB free (3.0 MiB in RAM); 4.0 KiB "
			       "per sector\n***"));
	first = strstr(text, "\n....");
	assert_non_null(first);
	assert_memory_equal(first + 1 + MALLOC_MAP_COLUMNS, "\n  (2 more lines like this)\n  ", 30);
	first = strstr(text, "\n^^^^");
	assert_non_null(first);
	assert_int_equal(strspn(first + 1 + MALLOC_MAP_COLUMNS + 1, "^"), MALLOC_MAP_COLUMNS);
	assert_string_equal(first + 2 * (1 + MALLOC_MAP_COLUMNS), "\n^^^^\n");
}

/* However many heaps there are, a person sees the first ones, and how many more there are. */
static void test_many_heaps(void **state)
{
	char sectors[MALLOC_MAP_LINES * MALLOC_MAP_COLUMNS + 1];
	_cleanup_free_ char *text = NULL, *few = NULL, *none = NULL;

	(void)state;
	fill_lines(sectors, "*-*-*-*-*-*-*-*-");
	text = write_heaps(sectors, MALLOC_MAP_HEAPS_MAX);
	assert_int_equal(count_lines(text), 4 + 3 * (1 + MALLOC_MAP_LINES) + 1);
	assert_non_null(strstr(text, "\nNot shown: 125 heaps with 375.0 MiB free in RAM"));
	few = write_heaps(sectors, 1);
	assert_int_equal(count_lines(few), 4 + 1 + MALLOC_MAP_LINES);
	none = write_heaps(sectors, 0);
	assert_string_equal(none, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_that_are_alike_are_written_once),
		cmocka_unit_test(test_many_heaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
