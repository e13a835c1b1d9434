// SPDX-License-Identifier: BSD-2-Clause
/*
 * The JSON report, parsed by jansson, which accepts only valid UTF-8 and valid JSON. The expected
 * values were computed by hand from the sample heap (sample_heap.h).
 */
#include "output/report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sample_report.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define R "\xef\xbf\xbd" /* U+FFFD */

static json_t *write_and_parse(const struct sample_report *sample)
{
	_cleanup_free_ char *text = sample_report__write(sample, report__write_json);
	size_t length = strlen(text);
	json_error_t error;
	json_t *root;

	/* One object per line: exactly one newline, at the end, and no other control character. */
	assert_true(length > 2);
	assert_int_equal(text[length - 1], '\n');
	for (size_t i = 0; i + 1 < length; i++)
		assert_true((unsigned char)text[i] >= ' ');
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		fail_msg("%s at %d: %s", error.text, error.position, text);
	return root;
}

/* The value at a path such as "pinned.list.0.address". */
static const json_t *at(const json_t *root, const char *path)
{
	const json_t *value = root;
	char copy[128], *rest = copy, *key;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((key = strsep(&rest, ".")))
		value = json_is_array(value) ? json_array_get(value, strtoul(key, NULL, 10))
					     : json_object_get(value, key);
	if (!value)
		fail_msg("no %s", path);
	return value;
}

static int64_t integer_at(const json_t *root, const char *path)
{
	if (!json_is_integer(at(root, path)))
		fail_msg("%s is no integer", path);
	return json_integer_value(at(root, path));
}

static const char *text_at(const json_t *root, const char *path)
{
	if (!json_is_string(at(root, path)))
		fail_msg("%s is no string", path);
	return json_string_value(at(root, path));
}

/* Numbers are written with twelve digits. */
static void assert_real_at(const json_t *root, const char *path, double expected)
{
	if (!json_is_real(at(root, path)) ||
	    fabs(json_real_value(at(root, path)) - expected) > 1e-11 * (1 + expected))
		fail_msg("%s is not %.12g", path, expected);
}

static void assert_null_at(const json_t *root, const char *path)
{
	assert_true(json_is_null(at(root, path)));
}

static void test_identity(void **state)
{
	struct sample_report sample;
	json_t *root;

	(void)state;
	sample_report__init(&sample, false);
	root = write_and_parse(&sample);
	assert_string_equal(text_at(root, "schema"), "pyfrag.report/1");
	/* date -u -d @1000000000 */
	assert_string_equal(text_at(root, "time"), "2001-09-09T01:46:40.007Z");
	assert_string_equal(text_at(root, "host"), "host.example");
	assert_int_equal(integer_at(root, "process.pid"), 4242);
	assert_string_equal(text_at(root, "process.comm"), "python3");
	assert_string_equal(text_at(root, "process.exe"), "/usr/bin/python3.9");
	assert_string_equal(text_at(root, "process.cgroup"), "/system.slice/app.service");
	assert_int_equal(json_array_size(at(root, "process.cmdline")), 4);
	assert_string_equal(text_at(root, "process.cmdline.1"), "app.py");
	assert_string_equal(text_at(root, "process.cmdline.3"), "80");
	assert_string_equal(text_at(root, "python.version"), "3.9.2");
	assert_string_equal(text_at(root, "python.allocator"), "pymalloc");
	assert_int_equal(integer_at(root, "python.arena_size"), 262144);
	assert_int_equal(integer_at(root, "python.pool_size"), 4096);
	assert_int_equal(integer_at(root, "python.alignment"), 16);
	json_decref(root);
	sample.report.no_values = true;
	root = write_and_parse(&sample);
	assert_int_equal(json_array_size(at(root, "process.cmdline")), 0);
	assert_string_equal(text_at(root, "process.comm"), "python3");
	json_decref(root);
	sample_report__release(&sample);
}

static void test_heap(void **state)
{
	struct sample_report sample;
	json_t *root;

	(void)state;
	sample_report__init(&sample, false);
	root = write_and_parse(&sample);
	assert_int_equal(integer_at(root, "heap.arenas"), 4);
	assert_int_equal(integer_at(root, "heap.arena_bytes"), 1048576);
	assert_int_equal(integer_at(root, "heap.live_blocks"), SAMPLE_LIVE_BLOCKS);
	assert_int_equal(integer_at(root, "heap.live_bytes"), SAMPLE_LIVE_BYTES);
	assert_int_equal(integer_at(root, "heap.free_block_bytes"), SAMPLE_FREE_BLOCK_BYTES);
	assert_int_equal(integer_at(root, "heap.free_pool_bytes"), SAMPLE_FREE_POOL_BYTES);
	assert_int_equal(integer_at(root, "heap.overhead_bytes"), SAMPLE_OVERHEAD_BYTES);
	assert_int_equal(integer_at(root, "heap.live_bytes") +
				 integer_at(root, "heap.free_block_bytes") +
				 integer_at(root, "heap.free_pool_bytes") +
				 integer_at(root, "heap.overhead_bytes"),
			 integer_at(root, "heap.arena_bytes"));
	assert_real_at(root, "fragmentation", 1 - SAMPLE_LIVE_BYTES / 1048576.0);

	/* Only size classes that have a pool. */
	assert_int_equal(json_array_size(at(root, "size_classes")), 3);
	assert_int_equal(integer_at(root, "size_classes.0.block_size"), 16);
	assert_int_equal(integer_at(root, "size_classes.0.live_blocks"), 253);
	assert_int_equal(integer_at(root, "size_classes.0.free_blocks"), 0);
	assert_int_equal(integer_at(root, "size_classes.1.block_size"), 32);
	assert_int_equal(integer_at(root, "size_classes.1.pools"), 1);
	assert_int_equal(integer_at(root, "size_classes.1.free_blocks"), 123);
	assert_int_equal(integer_at(root, "size_classes.2.block_size"), 512);
	assert_int_equal(integer_at(root, "size_classes.2.pools"), 9);
	assert_int_equal(integer_at(root, "size_classes.2.live_blocks"), 57);
	assert_int_equal(integer_at(root, "size_classes.2.free_blocks"), 6);
	json_decref(root);
	sample_report__release(&sample);
}

static void test_pinned(void **state)
{
	struct sample_report sample;
	json_t *root;

	(void)state;
	sample_report__init(&sample, false);
	root = write_and_parse(&sample);
	assert_real_at(root, "pinned.below", 0.1);
	assert_int_equal(integer_at(root, "pinned.arenas"), 2);
	assert_int_equal(integer_at(root, "pinned.bytes"), 2 * 262144);
	assert_int_equal(integer_at(root, "pinned.live_blocks"), 257);
	assert_int_equal(integer_at(root, "pinned.hostage_bytes"), 2 * 262144 - 96 - 4560);
	assert_int_equal(json_array_size(at(root, "pinned.list")), 2);
	assert_string_equal(text_at(root, "pinned.list.0.address"), "0x7f0000000000");
	assert_int_equal(integer_at(root, "pinned.list.0.live_blocks"), 3);
	assert_int_equal(integer_at(root, "pinned.list.0.live_bytes"), 96);
	assert_real_at(root, "pinned.list.0.occupancy", 96 / 262144.0);
	assert_real_at(root, "pinned.list.0.pinned_for_s", 2.5);
	assert_int_equal(json_array_size(at(root, "pinned.list.0.blocks")), 2);
	assert_string_equal(text_at(root, "pinned.list.0.blocks.0.address"), "0x7f0000000030");
	assert_string_equal(text_at(root, "pinned.list.0.blocks.1.address"), "0x7f0000000050");
	assert_int_equal(integer_at(root, "pinned.list.0.blocks.1.size"), 32);
	assert_string_equal(text_at(root, "pinned.list.1.address"), "0x7f0000040000");
	assert_string_equal(text_at(root, "pinned.list.1.blocks.0.address"), "0x7f0000043c30");
	assert_int_equal(integer_at(root, "pinned.list.1.blocks.0.size"), 512);
	assert_string_equal(text_at(root, "pinned.list.1.blocks.1.address"), "0x7f0000044030");
	assert_int_equal(integer_at(root, "counters.blocks_unlisted"), 257 - 4);

	assert_int_equal(json_array_size(at(root, "pinned.what_if")), 2);
	assert_int_equal(integer_at(root, "pinned.what_if.0.arenas"), 1);
	assert_int_equal(integer_at(root, "pinned.what_if.0.blocks"), 3);
	assert_int_equal(integer_at(root, "pinned.what_if.0.bytes"), 262144);
	assert_int_equal(integer_at(root, "pinned.what_if.1.arenas"), 2);
	assert_int_equal(integer_at(root, "pinned.what_if.1.blocks"), 257);
	assert_int_equal(integer_at(root, "pinned.what_if.1.bytes"), 524288);
	json_decref(root);
	sample_report__release(&sample);
}

/* Unknown values are null, never 0. */
static void test_unknown_is_null(void **state)
{
	struct sample_report sample;
	json_t *root;

	(void)state;
	sample_report__init(&sample, false);
	root = write_and_parse(&sample);
	assert_null_at(root, "heap.resident_bytes");
	assert_null_at(root, "pinned.resident_hostage_bytes");
	assert_null_at(root, "pinned.list.0.resident_bytes");
	assert_null_at(root, "tracing");
	assert_null(json_object_get(root, "map"));
	json_decref(root);

	sample.findings.resident_bytes = 0;
	sample.findings.pinned.resident_hostage_bytes = 4000;
	sample.findings.pinned.regions[1].resident_bytes = 8192;
	root = write_and_parse(&sample);
	assert_int_equal(integer_at(root, "heap.resident_bytes"), 0);
	assert_int_equal(integer_at(root, "pinned.resident_hostage_bytes"), 4000);
	assert_int_equal(integer_at(root, "pinned.list.0.resident_bytes"), 0);
	assert_int_equal(integer_at(root, "pinned.list.1.resident_bytes"), 8192);
	json_decref(root);
	sample_report__release(&sample);
}

static void test_tracing(void **state)
{
	struct sample_report sample;
	json_t *root;

	(void)state;
	sample_report__init(&sample, false);
	sample.tracing = (struct report_tracing){
		.mode = "full",
		.totals.probe_sites = 216,
		.totals.counts.allocs = 6000000000,
		.totals.counts.frees = 2999999997,
		.totals.counts.new_spans = 11,
		.totals.counts.spans_freed = 10,
		.totals.counts.regions_mapped = 12,
		.totals.counts.regions_unmapped = 13,
		.totals.counts.freelist_clears = 14,
		.totals.counts.resyncs = 15,
		.totals.counts.missed_allocs = 1000000000,
		.totals.counts.missed_frees = 1,
		.totals.counts.drift_blocks = 2,
		.follows_blocks = true,
		.totals.sees.pool_frees = true,
		.totals.sees.arena_maps = true,
		.totals.sees.arena_unmaps = true,
		.totals.sees.freelist_clears = true,
		.traced_for_s = 60.25,
	};
	counters__set(&sample.counters, COUNTER_LOST, 16);
	sample.report.tracing = &sample.tracing;
	root = write_and_parse(&sample);
	assert_string_equal(text_at(root, "tracing.mode"), "full");
	assert_int_equal(integer_at(root, "tracing.probe_sites"), 216);
	assert_int_equal(integer_at(root, "tracing.allocs"), 6000000000);
	assert_int_equal(integer_at(root, "tracing.frees"), 2999999997);
	assert_int_equal(integer_at(root, "tracing.new_pools"), 11);
	assert_int_equal(integer_at(root, "tracing.pools_freed"), 10);
	assert_int_equal(integer_at(root, "tracing.arenas_mapped"), 12);
	assert_int_equal(integer_at(root, "tracing.arenas_unmapped"), 13);
	assert_int_equal(integer_at(root, "tracing.freelist_clears"), 14);
	assert_int_equal(integer_at(root, "tracing.resyncs"), 15);
	assert_int_equal(integer_at(root, "tracing.lost"), 16);
	assert_int_equal(integer_at(root, "tracing.missed_allocs"), 1000000000);
	assert_int_equal(integer_at(root, "tracing.missed_frees"), 1);
	assert_int_equal(integer_at(root, "tracing.drift_blocks"), 2);
	assert_real_at(root, "tracing.traced_for_s", 60.25);
	/* 8,999,999,997 seen, 1,000,000,003 missed. */
	assert_real_at(root, "tracing.coverage", 0.8999999997);
	json_decref(root);

	/* If events cannot have been seen, there is no coverage. */
	sample.tracing.follows_blocks = false;
	for (int unseen = 0; unseen < 4; unseen++) {
		sample.tracing.totals.sees.arena_maps = unseen != 0;
		sample.tracing.totals.sees.arena_unmaps = unseen != 1;
		sample.tracing.totals.sees.freelist_clears = unseen != 2;
		sample.tracing.totals.sees.pool_frees = unseen != 3;
		root = write_and_parse(&sample);
		assert_null_at(root, "tracing.coverage");
		assert_int_equal(json_is_null(at(root, "tracing.arenas_mapped")), unseen == 0);
		assert_int_equal(json_is_null(at(root, "tracing.arenas_unmapped")), unseen == 1);
		assert_int_equal(json_is_null(at(root, "tracing.freelist_clears")), unseen == 2);
		assert_int_equal(json_is_null(at(root, "tracing.pools_freed")), unseen == 3);
		json_decref(root);
	}
	sample_report__release(&sample);
}

static void test_counters_and_snapshot(void **state)
{
	static const char *const names[COUNTER_CNT] = {
#define X(identifier, name, help) [COUNTER_##identifier] = (name),
		PYFRAG_COUNTERS(X)
#undef X
	};
	struct sample_report sample;
	json_t *root;

	(void)state;
	sample_report__init(&sample, false);
	for (int i = 0; i < COUNTER_CNT; i++)
		counters__set(&sample.counters, i, 1000 + (uint64_t)i);
	sample.report.snapshot = (struct report_snapshot){.target_slept = true,
							  .duration_ms = 12.5,
							  .paused_ms = 0.75,
							  .unchanged_pools = 77,
							  .scrubbed_pools = 7};
	root = write_and_parse(&sample);
	assert_int_equal(json_object_size(at(root, "counters")), COUNTER_CNT);
	for (int i = 0; i < COUNTER_CNT; i++)
		assert_int_equal(json_integer_value(
					 json_object_get(at(root, "counters"), names[i])),
				 1000 + i);
	assert_int_equal(integer_at(root, "counters.events_lost"), 1000 + COUNTER_LOST);
	assert_real_at(root, "snapshot.duration_ms", 12.5);
	assert_real_at(root, "snapshot.paused_ms", 0.75);
	assert_int_equal(integer_at(root, "snapshot.unchanged_pools"), 77);
	assert_true(json_is_true(at(root, "snapshot.target_slept")));
	assert_int_equal(integer_at(root, "snapshot.scrubbed_pools"), 7);
	assert_int_equal(integer_at(root, "snapshot.retried_pools"), 1000 + COUNTER_POOLS_RETRIED);
	assert_int_equal(integer_at(root, "snapshot.unresolved_pools"),
			 1000 + COUNTER_POOLS_UNRESOLVED);
	json_decref(root);
	sample_report__release(&sample);
}

static void test_map(void **state)
{
	struct sample_report sample;
	json_t *root;

	(void)state;
	sample_report__init(&sample, true);
	root = write_and_parse(&sample);
	assert_int_equal(json_array_size(at(root, "map")), 3);
	assert_string_equal(text_at(root, "map.0.address"), "0x7f0000000000");
	assert_int_equal(integer_at(root, "map.0.bytes"), 2 * 262144);
	assert_int_equal(integer_at(root, "map.0.sector_bytes"), 256);
	assert_int_equal(strlen(text_at(root, "map.0.sectors")), 2048);
	assert_real_at(root, "map.0.fragmentation", 1 - (96 + 4560) / 524288.0);
	/* A: one; B: one and two, and the full pool of 16 sectors. */
	assert_int_equal(integer_at(root, "map.0.fragmented_sectors"), 2);
	assert_int_equal(integer_at(root, "map.0.used_sectors"), 18);
	assert_int_equal(integer_at(root, "map.0.free_sectors"), 2048 - 20);
	assert_string_equal(text_at(root, "map.2.address"), "0x7f0000200000");
	json_decref(root);
	sample_report__release(&sample);
}

static void test_empty_heap(void **state)
{
	struct findings_options options = {.below = 0.1, .with_map = true};
	struct heap *heap = sample_heap__new_empty(&sample_geometry);
	struct pinned_history history = {};
	struct sample_report sample;
	json_t *root;

	(void)state;
	sample_report__init(&sample, false);
	findings__free(&sample.findings);
	assert_int_equal(findings__collect(&sample.findings, heap, NULL, &options, &history, 1,
					   &sample.counters),
			 0);
	root = write_and_parse(&sample);
	assert_int_equal(integer_at(root, "heap.arena_bytes"), 0);
	assert_real_at(root, "fragmentation", 0);
	assert_int_equal(json_array_size(at(root, "size_classes")), 0);
	assert_int_equal(json_array_size(at(root, "pinned.list")), 0);
	assert_int_equal(json_array_size(at(root, "pinned.what_if")), 0);
	assert_int_equal(json_array_size(at(root, "map")), 0);
	json_decref(root);
	heap__free(heap);
	pinned_history__free(&history);
	sample_report__release(&sample);
}

/* The target chooses its names, which may contain anything. */
static void test_hostile_text(void **state)
{
	static char comm[] = "\033]0;owned\007", exe[] = "/tmp/\xff\xfe/py",
		    cgroup[] = "/a\n{\"b\":\"c\"}", quotes[] = "\"}\\u0000\\", half[] = "caf\xc3",
		    good[] = "caf\xc3\xa9", empty[] = "";
	struct sample_report sample;
	json_t *root;

	(void)state;
	sample_report__init(&sample, false);
	sample.target.comm = comm;
	sample.target.exe = exe;
	sample.target.cgroup = cgroup;
	memset(sample.cmdline, 0, sizeof(sample.cmdline));
	sample.cmdline[0] = quotes;
	sample.cmdline[1] = half;
	sample.cmdline[2] = good;
	sample.cmdline[3] = empty;
	strcpy(sample.report.host, "\x80host");
	root = write_and_parse(&sample);
	assert_string_equal(text_at(root, "process.comm"), comm);
	assert_string_equal(text_at(root, "process.exe"), "/tmp/" R R "/py");
	assert_string_equal(text_at(root, "process.cgroup"), cgroup);
	assert_int_equal(json_array_size(at(root, "process.cmdline")), 4);
	assert_string_equal(text_at(root, "process.cmdline.0"), quotes);
	assert_string_equal(text_at(root, "process.cmdline.1"), "caf" R);
	assert_string_equal(text_at(root, "process.cmdline.2"), good);
	assert_string_equal(text_at(root, "process.cmdline.3"), "");
	assert_string_equal(text_at(root, "host"), R "host");
	json_decref(root);

	sample.cmdline[0] = NULL;
	root = write_and_parse(&sample);
	assert_int_equal(json_array_size(at(root, "process.cmdline")), 0);
	json_decref(root);
	sample_report__release(&sample);
}

/* Two reports are two lines, each of which can be parsed alone. */
static void test_a_line_each(void **state)
{
	struct sample_report sample;
	char *text = NULL, *second;
	json_t *root;
	size_t size;
	FILE *out;

	(void)state;
	sample_report__init(&sample, true);
	out = open_memstream(&text, &size);
	assert_int_equal(report__write_json(&sample.report, out), 0);
	sample.target.pid = 2;
	assert_int_equal(report__write_json(&sample.report, out), 0);
	fclose(out);
	second = strchr(text, '\n') + 1;
	second[-1] = '\0';
	root = json_loads(text, 0, NULL);
	assert_int_equal(integer_at(root, "process.pid"), 4242);
	json_decref(root);
	root = json_loads(second, 0, NULL);
	assert_int_equal(integer_at(root, "process.pid"), 2);
	json_decref(root);
	free(text);
	sample_report__release(&sample);
}

/* A full disk is reported, whether or not the report fits into the stream's buffer. */
static void test_full_device(void **state)
{
	static char buffer[1 << 20];
	struct sample_report sample;
	FILE *full;

	(void)state;
	sample_report__init(&sample, true);
	for (int variant = 0; variant < 3; variant++) {
		full = fopen("/dev/full", "w");
		assert_non_null(full);
		if (variant == 1)
			setvbuf(full, NULL, _IONBF, 0);
		if (variant == 2)
			setvbuf(full, buffer, _IOFBF, sizeof(buffer));
		assert_int_equal(report__write_json(&sample.report, full), -ENOSPC);
		fclose(full);
	}
	sample_report__release(&sample);
}

static size_t json_bytes, json_peak_bytes;

static void *count_alloc(size_t size)
{
	size_t *bytes = malloc(size + 16);

	if (!bytes)
		return NULL;
	*bytes = size;
	json_bytes += size;
	if (json_bytes > json_peak_bytes)
		json_peak_bytes = json_bytes;
	return bytes + 2;
}

static void count_free(void *pointer)
{
	size_t *bytes = pointer;

	if (!pointer)
		return;
	json_bytes -= bytes[-2];
	free(bytes - 2);
}

/*
 * The peak memory of JSON values while a report with that many listed blocks is written, in two
 * arenas.
 */
static size_t write_blocks(uint32_t block_cnt, size_t *written)
{
	_cleanup_free_ struct pinned_block *blocks = calloc(2UL * block_cnt, sizeof(*blocks));
	struct pinned_region arenas[] = {{.block_cnt = block_cnt},
					 {.first_block = block_cnt, .block_cnt = block_cnt}};
	_cleanup_free_ char *text = NULL;
	struct sample_report sample;
	struct findings findings;
	FILE *out;

	assert_non_null(blocks);
	sample_report__init(&sample, true);
	findings = *sample.report.findings;
	findings.pinned.regions = arenas;
	findings.pinned.region_cnt = ARRAY_SIZE(arenas);
	findings.pinned.blocks = blocks;
	findings.pinned.block_cnt = 2UL * block_cnt;
	sample.report.findings = &findings;
	sample.report.sites = NULL;
	out = open_memstream(&text, written);
	json_peak_bytes = 0;
	assert_int_equal(report__write_json(&sample.report, out), 0);
	fclose(out);
	assert_int_equal(json_bytes, 0);
	sample_report__release(&sample);
	return json_peak_bytes;
}

/* Long lists need no more memory than short ones: no list is in memory as a whole. */
static void test_lists_are_written_item_by_item(void **state)
{
	size_t few, many, few_written, many_written;

	(void)state;
	json_set_alloc_funcs(count_alloc, count_free);
	few = write_blocks(10, &few_written);
	many = write_blocks(10000, &many_written);
	json_set_alloc_funcs(malloc, free);
	assert_true(few > 0 && many_written > few_written + 19980 * 20);
	assert_int_equal(many, few);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_unknown_is_null),
		cmocka_unit_test(test_tracing),
		cmocka_unit_test(test_counters_and_snapshot),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_empty_heap),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_a_line_each),
		cmocka_unit_test(test_full_device),
		cmocka_unit_test(test_lists_are_written_item_by_item),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
