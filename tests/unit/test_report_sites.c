// SPDX-License-Identifier: BSD-2-Clause
/* Allocation sites of a hand-made ranking: as JSON, parsed by jansson, and as text tables. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output/json_sites.h"
#include "output/json_values.h"
#include "output/text_sites.h"
#include "sample_report.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define KIB 1024.0
#define R   "\xef\xbf\xbd" /* U+FFFD */

static const struct stack_frame parse_frames[] = {
	{"Parser.parse", "/srv/parser.py", 40},
	{"load", "/srv/load.py", 7},
	{"<module>", "/srv/main.py", 1},
	{"run", "/usr/lib/runpy.py", 0},
};
static const struct stack_frame dead_frames[] = {{}};

/* Two sites: one only pins arenas. */
static struct ranked_site two_sites[] = {
	{.id = 7,
	 .totals = {.hostage_bytes = 3 * KIB * KIB + 0.4,
		    .pinning_blocks = 11.6,
		    .pool_hostage_bytes = 2 * KIB,
		    .live_bytes = 1536.5,
		    .live_bytes_variance = 10000,
		    .live_blocks = 1234.4,
		    .pools_held = 3,
		    .pools_taken = 1005,
		    .arenas_taken = 2,
		    .interval_pools_taken = 4,
		    .interval_arenas_taken = 1},
	 .stack = {.frames = parse_frames, .frame_cnt = 4, .truncated = true}},
	{.id = 0, .totals = {.live_bytes = 64, .live_blocks = 2}, .stack = {dead_frames, 1, false}},
};
static const struct site_ranking sample = {
	.sample_bytes = 16384,
	.keeps_blocks = true,
	.items = two_sites,
	.cnt = ARRAY_SIZE(two_sites),
	.omitted_cnt = 5,
	.unknown = {.hostage_bytes = 2 * KIB,
		    .pinning_blocks = 3,
		    .pool_hostage_bytes = 5 * KIB,
		    .live_bytes = 7 * KIB,
		    .live_blocks = 4321,
		    .pools_taken = 6,
		    .interval_pools_taken = 5},
};

static int64_t integer_at(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value))
		fail_msg("%s is no integer", name);
	return json_integer_value(value);
}

static void check_text(const json_t *object, const char *name, const char *expected)
{
	const json_t *value = json_object_get(object, name);

	if (!expected) {
		assert_true(json_is_null(value));
		return;
	}
	assert_true(json_is_string(value));
	assert_string_equal(json_string_value(value), expected);
}

static void check_frame(const json_t *frame, const char *function, const char *file, int line)
{
	assert_int_equal(json_object_size(frame), 3);
	check_text(frame, "function", function);
	check_text(frame, "file", file);
	if (line)
		assert_int_equal(integer_at(frame, "line"), line);
	else
		assert_true(json_is_null(json_object_get(frame, "line")));
}

/* Writes a ranking and parses the result. */
static json_t *load_sites(const struct site_ranking *ranking)
{
	struct json_stream stream = {};
	json_t *root, *sites;
	char *text = NULL;
	size_t size;

	stream.out = open_memstream(&text, &size);
	assert_non_null(stream.out);
	json_stream__begin_object(&stream, NULL);
	json_sites__write(&stream, ranking);
	json_stream__end_object(&stream);
	assert_int_equal(stream.err, 0);
	fclose(stream.out);
	root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	sites = json_incref(json_object_get(root, "sites"));
	json_decref(root);
	free(text);
	return sites;
}

static void test_json_sites(void **state)
{
	json_t *root = load_sites(&sample);
	const json_t *list = json_object_get(root, "list"), *site = json_array_get(list, 0);
	const json_t *frames = json_object_get(site, "frames");
	const json_t *interval = json_object_get(site, "interval");

	(void)state;
	assert_int_equal(integer_at(root, "sample_bytes"), 16384);
	assert_true(json_is_true(json_object_get(root, "blocks_known")));
	assert_int_equal(integer_at(root, "omitted"), 5);
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(integer_at(site, "id"), 7);
	assert_int_equal(integer_at(site, "hostage_bytes"), 3 << 20);
	assert_int_equal(integer_at(site, "pinning_blocks"), 12);
	assert_int_equal(integer_at(site, "pool_hostage_bytes"), 2048);
	assert_int_equal(integer_at(site, "live_bytes"), 1537);
	/* 1.96 standard deviations of 100 */
	assert_int_equal(integer_at(site, "live_bytes_error"), 196);
	assert_int_equal(integer_at(site, "live_blocks"), 1234);
	assert_int_equal(integer_at(site, "pools_held"), 3);
	assert_int_equal(integer_at(site, "pools_taken"), 1005);
	assert_int_equal(integer_at(site, "arenas_taken"), 2);
	assert_int_equal(integer_at(interval, "pools_taken"), 4);
	assert_int_equal(integer_at(interval, "arenas_taken"), 1);
	assert_true(json_is_true(json_object_get(site, "truncated")));
	assert_int_equal(json_array_size(frames), 4);
	check_frame(json_array_get(frames, 0), "Parser.parse", "/srv/parser.py", 40);
	check_frame(json_array_get(frames, 3), "run", "/usr/lib/runpy.py", 0);

	site = json_array_get(list, 1);
	assert_true(json_is_false(json_object_get(site, "truncated")));
	check_frame(json_array_get(json_object_get(site, "frames"), 0), NULL, NULL, 0);

	site = json_object_get(root, "unknown");
	assert_int_equal(integer_at(site, "live_blocks"), 4321);
	assert_int_equal(integer_at(site, "live_bytes_error"), 0);
	assert_int_equal(integer_at(site, "pools_taken"), 6);
	assert_null(json_object_get(site, "id"));
	json_decref(root);
}

static void test_json_nulls(void **state)
{
	const struct site_ranking empty = {};
	json_t *none = load_sites(NULL), *root = load_sites(&empty);
	json_t *id = json_values__site_id(0), *unknown = json_values__site_id(STACK_UNKNOWN);

	(void)state;
	assert_true(json_is_null(none));
	assert_true(json_is_integer(id));
	assert_true(json_is_null(unknown));
	assert_int_equal(json_array_size(json_object_get(root, "list")), 0);
	assert_true(json_is_false(json_object_get(root, "blocks_known")));
	json_decref(none);
	json_decref(root);
	json_decref(id);
	json_decref(unknown);
}

static void test_json_hostile_names(void **state)
{
	const struct stack_frame frame = {"caf\xc3\033]0;x\007", "\"/a\nb\\\xff", 3};
	struct ranked_site site = {.stack = {&frame, 1, false}};
	struct site_ranking ranking = {.items = &site, .cnt = 1};
	json_t *root = load_sites(&ranking);
	_cleanup_free_ char *text = json_dumps(root, JSON_COMPACT);
	json_t *back = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	(void)state;
	for (const char *at = text; *at; at++)
		assert_true((unsigned char)*at >= ' ');
	assert_non_null(back);
	check_frame(json_array_get(json_object_get(json_array_get(json_object_get(back, "list"), 0),
						   "frames"),
				   0),
		    "caf" R "\033]0;x\007", "\"/a\nb\\" R, 3);
	json_decref(root);
	json_decref(back);
}

/* Errors are passed on: of the appended value, and of the one it is appended to. */
static void test_json_append(void **state)
{
	json_t *array = json_array(), *item = json_integer(1);

	(void)state;
	json_values__append(&array, item);
	assert_int_equal(json_array_size(array), 1);
	json_values__append(&array, NULL);
	assert_null(array);
	json_values__append(&array, json_integer(2));
	assert_null(array);
}

static json_t *block_of_report(json_t *root, size_t arena, size_t block)
{
	json_t *list = json_object_get(json_object_get(root, "pinned"), "list");

	return json_array_get(json_object_get(json_array_get(list, arena), "blocks"), block);
}

/* Each listed block has its sites; if none are known, the member is missing. */
static void test_json_blocks(void **state)
{
	uint32_t block_sites[] = {7, STACK_UNKNOWN, 0, 7}, pool_sites[] = {0, 7, STACK_UNKNOWN, 7};
	struct site_ranking ranking = sample;
	struct sample_report report;
	_cleanup_free_ char *with = NULL, *without = NULL;
	json_t *root;

	(void)state;
	sample_report__init(&report, false);
	without = sample_report__write(&report, report__write_json);
	root = json_loads(without, 0, NULL);
	assert_true(json_is_null(json_object_get(root, "sites")));
	assert_null(json_object_get(block_of_report(root, 0, 0), "site"));
	assert_null(json_object_get(block_of_report(root, 0, 0), "pool_site"));
	json_decref(root);

	ranking.block_sites = block_sites;
	ranking.pool_sites = pool_sites;
	report.report.sites = &ranking;
	with = sample_report__write(&report, report__write_json);
	root = json_loads(with, 0, NULL);
	assert_int_equal(integer_at(json_object_get(root, "sites"), "omitted"), 5);
	assert_int_equal(integer_at(block_of_report(root, 0, 0), "site"), 7);
	assert_int_equal(integer_at(block_of_report(root, 0, 0), "pool_site"), 0);
	assert_true(json_is_null(json_object_get(block_of_report(root, 0, 1), "site")));
	assert_int_equal(integer_at(block_of_report(root, 1, 0), "site"), 0);
	assert_true(json_is_null(json_object_get(block_of_report(root, 1, 0), "pool_site")));
	assert_int_equal(integer_at(block_of_report(root, 1, 1), "site"), 7);
	json_decref(root);
	sample_report__release(&report);
}

/* As text with each run of blanks replaced by one; the caller frees it. */
static char *write_text(const struct site_ranking *ranking)
{
	char *text = NULL, *to;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	text_sites__write(ranking, out);
	assert_int_equal(fclose(out), 0);
	to = text;
	for (const char *from = text; *from; from++)
		if (*from != ' ' || from[1] != ' ')
			*to++ = *from;
	*to = '\0';
	return text;
}

static void test_text(void **state)
{
	_cleanup_free_ char *text = write_text(&sample);

	(void)state;
	assert_string_equal(
		text, "\nPinned arenas by allocation site of the pinning blocks\n"
		      " held back blocks site\n"
		      " 3.0 MiB 12 Parser.parse (/srv/parser.py:40)\n"
		      " < load (/srv/load.py:7)\n"
		      " < <module> (/srv/main.py:1) < ...\n"
		      " 2.0 KiB 3 [unknown site]\n"
		      "\nLive memory by allocation site (estimated; sampling interval 16.0 KiB)\n"
		      " live +- (95%) blocks site\n"
		      " 1.5 KiB 196 B 1,234 Parser.parse (/srv/parser.py:40)\n"
		      " < load (/srv/load.py:7)\n"
		      " < <module> (/srv/main.py:1) < ...\n"
		      " 64 B 0 B 2 ? (?)\n"
		      " 7.0 KiB 4,321 [unknown site]\n"
		      "\nHeap growth by allocation site\n"
		      " pools in use pools taken since last arenas site\n"
		      " 3 1,005 4 2 Parser.parse (/srv/parser.py:40)\n"
		      " < load (/srv/load.py:7)\n"
		      " < <module> (/srv/main.py:1) < ...\n");
}

/*
 * If frees are not reported, only pools are known; if each allocation is reported, nothing is
 * estimated.
 */
static void test_text_without(void **state)
{
	struct site_ranking ranking = sample;
	_cleanup_free_ char *by_pool = NULL, *exact = NULL, *empty = NULL;

	(void)state;
	ranking.keeps_blocks = false;
	by_pool = write_text(&ranking);
	assert_non_null(strstr(by_pool, "allocation site of the pools\n"));
	assert_non_null(strstr(by_pool, " held back pools site\n 2.0 KiB 3 Parser.parse ("));
	assert_non_null(strstr(by_pool, " 5.0 KiB [unknown site]\n"));
	assert_null(strstr(by_pool, "Live memory"));
	assert_non_null(strstr(by_pool, "Heap growth"));

	ranking.keeps_blocks = true;
	ranking.sample_bytes = 0;
	exact = write_text(&ranking);
	assert_non_null(strstr(exact, "Live memory by allocation site\n"));
	assert_null(strstr(exact, "estimated"));

	ranking = (struct site_ranking){};
	empty = write_text(&ranking);
	assert_string_equal(empty, "");
}

/* The first ten of each table, each with its own order. */
static void test_text_rows(void **state)
{
	struct ranked_site sites[14] = {};
	struct stack_frame frames[14];
	struct site_ranking ranking = {.keeps_blocks = true, .items = sites, .cnt = 14};
	char names[14][8];
	_cleanup_free_ char *text = NULL;
	char *tables[3];

	(void)state;
	for (uint32_t i = 0; i < 14; i++) {
		snprintf(names[i], sizeof(names[i]), "f%02u", i);
		frames[i] = (struct stack_frame){names[i], "a.py", 1};
		sites[i] = (struct ranked_site){
			.id = i,
			.totals = {.hostage_bytes = 100 + i,
				   .live_bytes = (i * 5 + 3) % 14 + 1,
				   .pools_held = 14 - i,
				   .pools_taken = 20},
			.stack = {&frames[i], 1, false},
		};
	}
	text = write_text(&ranking);
	tables[0] = strstr(text, "Pinned arenas by");
	tables[1] = strstr(text, "Live memory");
	tables[2] = strstr(text, "Heap growth");
	tables[1][-1] = tables[2][-1] = '\0';
	for (uint32_t i = 0; i < 14; i++) {
		assert_int_equal(strstr(tables[0], names[i]) != NULL, i >= 4);
		assert_int_equal(strstr(tables[1], names[i]) != NULL,
				 sites[i].totals.live_bytes > 4);
		assert_int_equal(strstr(tables[2], names[i]) != NULL, i < 10);
	}
	assert_true(strstr(tables[0], "f13") < strstr(tables[0], "f04"));
	/* 14 bytes before 9 */
	assert_true(strstr(tables[1], "f02") < strstr(tables[1], "f01"));
	assert_true(strstr(tables[2], "f00") < strstr(tables[2], "f09"));
}

static void test_text_columns(void **state)
{
	struct ranked_site sites[2] = {two_sites[0], two_sites[0]};
	struct site_ranking ranking = {.keeps_blocks = true, .items = sites, .cnt = 2};
	size_t column = 0, rows = 0, size;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	sites[1].totals = (struct site_totals){
		.hostage_bytes = 1023.9 * KIB * KIB * KIB,
		.pinning_blocks = 999999999,
		.live_bytes = 1023.9 * KIB * KIB * KIB,
		.live_blocks = 999999999,
		.pools_held = 9999999,
		.pools_taken = 9999999,
		.arenas_taken = 999999,
	};
	text_sites__write(&ranking, out);
	fclose(out);
	/* In each table the names of all rows are aligned with "site". */
	for (char *line = text; *line; line = strchr(line, '\n') + 1) {
		size_t length = strcspn(line, "\n");
		const char *head = memmem(line, length, "  site", 6);
		const char *name = memmem(line, length, "Parser.parse", 12);

		if (head && head + 6 == line + length)
			column = (size_t)(head + 2 - line);
		if (!name)
			continue;
		assert_int_equal(name - line, column);
		assert_memory_equal(name - 2, "  ", 2);
		rows++;
	}
	assert_int_equal(rows, 6);
	free(text);
}

static void test_text_hostile_names(void **state)
{
	const struct stack_frame frame = {"\033]0;owned\007",
					  "/a\nb\xc2\x9b"
					  "2J\x7f",
					  3};
	struct ranked_site sites[] = {
		{.totals = {.hostage_bytes = 1, .live_bytes = 1, .pools_taken = 1},
		 .stack = {&frame, 1, false}},
		{.id = 1, .totals = {.hostage_bytes = 0.75}},
	};
	struct site_ranking ranking = {.keeps_blocks = true, .items = sites, .cnt = 2};
	_cleanup_free_ char *text = write_text(&ranking);

	(void)state;
	for (const char *at = text; *at; at++)
		assert_true((unsigned char)*at >= ' ' || *at == '\n');
	assert_null(strstr(text, "\xc2\x9b"));
	assert_null(strstr(text, "\x7f"));
	assert_non_null(strstr(text, " ?]0;owned? (/a?b??2J?:3)\n"));
	/* No frame at all if the thread ran no Python code. */
	assert_non_null(strstr(text, "[no Python frame]\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_sites),
		cmocka_unit_test(test_json_nulls),
		cmocka_unit_test(test_json_hostile_names),
		cmocka_unit_test(test_json_append),
		cmocka_unit_test(test_json_blocks),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_without),
		cmocka_unit_test(test_text_rows),
		cmocka_unit_test(test_text_columns),
		cmocka_unit_test(test_text_hostile_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
