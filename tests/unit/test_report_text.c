// SPDX-License-Identifier: BSD-2-Clause
/*
 * The text report. Its expected content was computed by hand from the sample heap (sample_heap.h).
 * The layout of tables is checked on the lines themselves: on every line, a column ends where its
 * name ends. Texts that the target chooses must not reach the terminal unchanged.
 */
#include "output/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pymalloc/arena_table.h"
#include "sample_report.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* Each test has its own sample. */
static int set_up(void **state)
{
	static struct sample_report sample;

	sample_report__init(&sample, false);
	*state = &sample;
	return 0;
}

static int tear_down(void **state)
{
	sample_report__release(*state);
	return 0;
}

/* Replaces the sample's findings by those of @heap. */
static void collect(struct sample_report *sample, const struct heap *heap,
		    const struct findings_options *options)
{
	struct pinned_history history = {};

	findings__free(&sample->findings);
	sample->counters = (struct counters){};
	assert_int_equal(findings__collect(&sample->findings, heap, NULL, options, &history, 1,
					   &sample->counters),
			 0);
	pinned_history__free(&history);
}

static char *write_text(const struct sample_report *sample)
{
	return sample_report__write(sample, report__write_text);
}

/* A copy of the line that begins with @start, after blanks; the caller frees it. */
static char *find_line(const char *text, const char *start)
{
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		const char *word = line + strspn(line, " ");

		assert_non_null(strchr(line, '\n'));
		if (!strncmp(word, start, strlen(start)))
			return strndup(line, strcspn(line, "\n"));
	}
	return NULL;
}

/* The same with each run of blanks replaced by one: only check_columns() checks widths. */
static char *get_line(const char *text, const char *start)
{
	char *line = find_line(text, start), *to = line;

	if (!line)
		fail_msg("no line begins with \"%s\":\n%s", start, text);
	for (const char *from = line; *from; from++)
		if (*from != ' ' || from[1] != ' ')
			*to++ = *from;
	*to = '\0';
	return line;
}

static void assert_line(const char *text, const char *start, const char *expected)
{
	_cleanup_free_ char *line = get_line(text, start);

	assert_string_equal(line, expected);
}

/* Checks that the line that begins with @start contains @part. */
static void assert_in_line(const char *text, const char *start, const char *part)
{
	_cleanup_free_ char *line = get_line(text, start);

	if (!strstr(line, part))
		fail_msg("no \"%s\" in \"%s\"", part, line);
}

static void assert_not_in(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" is in\n%s", part, text);
}

static size_t count_of(const char *text, const char *part)
{
	size_t cnt = 0;

	for (; (text = strstr(text, part)); text++)
		cnt++;
	return cnt;
}

/*
 * Checks the lines from the one that begins with the first of @names up to an empty one: in each
 * line a cell ends where each name ends. Returns the number of lines.
 */
static size_t check_columns(const char *text, const char *const *names)
{
	_cleanup_free_ char *head = find_line(text, names[0]);
	const char *line = head ? strstr(text, head) : NULL;
	size_t cnt = 0;

	if (!line)
		fail_msg("no table begins with \"%s\"", names[0]);
	while (*(line = strchr(line, '\n') + 1) != '\n') {
		size_t length = strcspn(line, "\n"), from = 0;

		for (size_t i = 0; names[i]; i++) {
			const char *name = strstr(head + from, names[i]);
			size_t end = (size_t)(name - head) + strlen(names[i]);

			assert_non_null(name);
			if (length < end || line[end - 1] == ' ' ||
			    (line[end] != ' ' && line[end] != '\n'))
				fail_msg("\"%s\" is not the column's end in\n%s\n%.*s", names[i],
					 head, (int)length, line);
			from = end;
		}
		cnt++;
	}
	return cnt;
}

static const char *const class_columns[] = {"block size", "pools",	"live", "free",
					    "live bytes", "free bytes", NULL};
static const char *const what_if_columns[] = {"blocks to free", "arenas emptied", "bytes released",
					      NULL};

/* The first column of pinned arenas is the only left-aligned one. */
static size_t check_pinned_columns(char *text)
{
	static const char *const names[] = {"arena",	"live",	      "live bytes", "occupancy",
					    "resident", "pinned for", NULL};
	static const char moved[] = "         arena";
	char *table = strstr(text, "\n  arena ");

	assert_non_null(table);
	for (char *line = strchr(++table, '\n') + 1; *line != '\n'; line = strchr(line, '\n') + 1)
		assert_memory_equal(line, "  0x7f0000", strlen("  0x7f0000"));
	/* All addresses have 14 characters here, so the name can be moved to their ends. */
	memcpy(table + 2, moved, strlen(moved));
	return check_columns(table, names);
}

static void test_frame(void **state)
{
	struct sample_report *sample = *state;
	_cleanup_free_ char *text = NULL, *paused = NULL;

	sample->report.snapshot.duration_ms = 13;
	text = write_text(sample);
	/* date -u -d @1000000000; main() sets the time zone. */
	assert_line(text, "2001",
		    "2001-09-09 01:46:40 pid 4242 python3 app.py --port 80 "
		    "CPython 3.9.2, pymalloc");
	assert_line(text, "Read in", "Read in 13 ms");

	sample->report.snapshot = (struct report_snapshot){.duration_ms = 1500, .paused_ms = 7};
	paused = write_text(sample);
	assert_line(paused, "Read in", "Read in 1.5 s; the process was paused for 7 ms");
}

/*
 * A is pinned by 3 blocks of 32 bytes, B by one of 512 and 253 of 16: 257 blocks of 4656 bytes hold
 * back 2 * 262144 - 4656 bytes, 507.5 KiB. A alone is half of what can be released.
 */
static void test_verdict(void **state)
{
	struct sample_report *sample = *state;
	_cleanup_free_ char *text = write_text(sample), *resident = NULL;

	assert_line(text, "=>",
		    "=> 257 live blocks (4.5 KiB) pin 2 of 4 arenas: 507.5 KiB held back. "
		    "Freeing 3 of them releases 256.0 KiB.");
	assert_int_equal(count_of(text, "=>"), 1);

	sample->findings.resident_bytes = 1048576;
	sample->findings.pinned.resident_hostage_bytes = 300 * 1024;
	resident = write_text(sample);
	assert_in_line(resident, "=>", " held back, 300.0 KiB of it resident. Freeing 3");
}

/* One block: the grammar is right, and nothing is promised if nothing can be released. */
static void test_one_block(void **state)
{
	const struct findings_options options = {.below = 0.1, .blocks_per_arena_max = 32};
	struct heap *heap = sample_heap__new_empty(&sample_geometry);
	_cleanup_free_ char *text = NULL, *kept = NULL;
	struct sample_report *sample = *state;

	assert_int_equal(heap__add_region(heap, SAMPLE_A, heap->layout.region_size), 0);
	sample_heap__add_block(heap, SAMPLE_A, SAMPLE_CLASS(32), 5);
	collect(sample, heap, &options);
	text = write_text(sample);
	/* 262144 - 32 is 255.97 KiB */
	assert_line(text, "=>",
		    "=> 1 live block (32 B) pins 1 of 1 arenas: 256.0 KiB held back. "
		    "Freeing it releases 256.0 KiB.");

	heap->layout.keeps_one_empty = true;
	collect(sample, heap, &options);
	kept = write_text(sample);
	assert_line(kept, "=>", "=> 1 live block (32 B) pins 1 of 1 arenas: 256.0 KiB held back.");
	heap__free(heap);
}

/* A pool of the only arena is swapped out. */
static void test_what_was_not_read(void **state)
{
	static const uint64_t none[4];
	const struct findings_options options = {.below = 0.1, .blocks_per_arena_max = 32};
	struct heap *heap = sample_heap__new_empty(&sample_geometry);
	struct sample_report *sample = *state;
	_cleanup_free_ char *text = NULL;

	assert_int_equal(heap__add_region(heap, SAMPLE_A, heap->layout.region_size), 0);
	assert_int_equal(block_map__set_span(heap->blocks, SAMPLE_A, CLASS_UNREAD, 0, none,
					     ARRAY_SIZE(none)),
			 0);
	collect(sample, heap, &options);
	counters__set(&sample->counters, COUNTER_PAGES_SWAPPED, 3);
	text = write_text(sample);
	assert_line(text, "=>",
		    "=> No arena is known to be pinned. Arenas: 256.0 KiB, 0.0 % of it live (0 "
		    "blocks).");
	assert_in_line(text, "12.0 KiB", " are swapped out and were not read");
	assert_in_line(text, "not read ", " 4.0 KiB 1.6 % 1 pool, swapped out");
	heap__free(heap);
}

/* Of 1 MiB: 33328 bytes live, 7008 in free blocks, 245 pools free, 4720 overhead. */
static void test_heap(void **state)
{
	static const char *const names[] = {"arenas", "live", "free blocks", "free pools",
					    "overhead"};
	struct sample_report *sample = *state;
	_cleanup_free_ char *text = write_text(sample), *resident = NULL;
	double percents = 0;
	size_t columns = 0;

	assert_line(text, "Heap:", "Heap: fragmentation 96.8 %");
	assert_in_line(text, "arenas ", " 1.0 MiB 100.0 % 4 of 256.0 KiB");
	assert_in_line(text, "live ", " 32.5 KiB 3.2 % 313 blocks");
	assert_in_line(text, "free blocks", " 6.8 KiB 0.7 % ");
	assert_in_line(text, "free pools", " 980.0 KiB 95.7 % ");
	assert_in_line(text, "overhead", " 4.6 KiB 0.5 % ");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *line = find_line(strstr(text, "Heap:"), names[i]);
		char *percent = strchr(line, '%'), *number = percent - 2;

		while (number[-1] != ' ')
			number--;
		if (i)
			percents += strtod(number, NULL);
		if (!columns)
			columns = (size_t)(percent - line);
		assert_int_equal(percent - line, columns);
		assert_memory_equal(percent + 1, "  ", 2);
		assert_true(percent[3] != ' ');
	}
	assert_true(percents > 99.75 && percents < 100.25);

	sample->findings.resident_bytes = 123 * 1024;
	resident = write_text(sample);
	assert_in_line(resident, "arenas ", "4 of 256.0 KiB; resident: 123.0 KiB");
}

static void test_size_classes(void **state)
{
	struct sample_report *sample = *state;
	_cleanup_free_ char *text = write_text(sample);

	assert_int_equal(check_columns(text, class_columns), 3);
	/* 123 blocks of 32 are more than 6 of 512, and those more than none of 16. */
	assert_line(text, "32 B ", " 32 B 1 3 123 96 B 3.8 KiB");
	assert_true(strstr(text, " 512 B     ") > strstr(text, " 32 B     "));
	assert_true(strstr(text, " 16 B     ") > strstr(text, " 512 B     "));
	assert_not_in(text, " 48 B ");
	assert_not_in(text, "--json");

	/* Ten size classes: the text omits the two with the fewest free bytes. */
	for (uint32_t i = 10; i < 17; i++)
		sample->findings.measure.classes[i].spans = 1 + i;
	free(TAKE_PTR(text));
	text = write_text(sample);
	assert_int_equal(check_columns(text, class_columns), 8);
	assert_in_line(text, "Size classes", "(all of them with --json)");
}

static void test_pinned(void **state)
{
	struct sample_report *sample = *state;
	_cleanup_free_ char *text = write_text(sample), *resident = NULL;

	assert_line(text, "Pinned arenas",
		    "Pinned arenas: 2 with an occupancy below 10.0 %, fewest live blocks first");
	/*
	 * Two blocks of each arena are listed, of three and 254: dots mark the rest. 96 / 262144 =
	 * 0.04 %.
	 */
	assert_in_line(text, "0x7f0000000000 ", " 3 96 B 0.0 % ? 2.5 s ");
	assert_in_line(text, "0x7f0000000000 ", " 0x7f0000000030:32 0x7f0000000050:32 ...");
	assert_in_line(text, "0x7f0000040000 ", " 254 4.5 KiB 1.7 % ?");
	assert_in_line(text, "0x7f0000040000 ", " 0x7f0000043c30:512 0x7f0000044030:16 ...");
	assert_true(strstr(text, "  0x7f0000000000 ") < strstr(text, "  0x7f0000040000 "));
	assert_not_in(text, "0x7f0000100000");
	assert_not_in(text, "0x7f0000200000");
	assert_int_equal(check_pinned_columns(text), 2);
	assert_int_equal(check_columns(strstr(text, "Reclaimable memory"), what_if_columns), 2);
	assert_line(text, "3 ", " 3 1 256.0 KiB");
	assert_line(text, "257 ", " 257 2 512.0 KiB");

	sample->findings.resident_bytes = 0;
	sample->findings.pinned.regions[0].resident_bytes = 8192;
	sample->findings.pinned.regions[1].resident_bytes = 0;
	resident = write_text(sample);
	assert_in_line(resident, "0x7f0000000000 ", " 0.0 % 8.0 KiB ");
	assert_in_line(resident, "0x7f0000040000 ", " 1.7 % 0 B ");
}

/* The text shows the ten worst arenas, with three blocks each, and says that there are more. */
static void test_many_pinned(void **state)
{
	struct findings_options options = {.below = 0.1, .blocks_per_arena_max = 32};
	struct heap *heap = sample_heap__new_empty(&sample_geometry);
	struct sample_report *sample = *state;
	_cleanup_free_ char *text = NULL, *line = NULL;

	for (uint32_t i = 0; i < 12; i++) {
		assert_int_equal(heap__add_region(heap, SAMPLE_A + i * SAMPLE_ARENA_BYTES,
						  heap->layout.region_size),
				 0);
		for (uint32_t block = 0; block <= i; block++)
			sample_heap__add_block(heap, SAMPLE_A + i * SAMPLE_ARENA_BYTES,
					       SAMPLE_CLASS(32), block);
	}
	collect(sample, heap, &options);
	text = write_text(sample);
	assert_in_line(text, "=>", " 78 live blocks (2.4 KiB) pin 12 of 12 arenas");
	assert_in_line(text, "Pinned arenas",
		       ": 12 with an occupancy below 10.0 %, fewest live blocks first (all of them "
		       "with --json)");
	/* An arena with three blocks shows all of them; one with four says that there are more. */
	line = find_line(text, "0x7f0000080000 ");
	assert_int_equal(count_of(line, ":32"), 3);
	assert_null(strstr(line, "..."));
	assert_in_line(text, "0x7f00000c0000 ", ":32 0x7f00000c0050:32 0x7f00000c0070:32 ...");
	assert_int_equal(check_pinned_columns(text), 10);
	heap__free(heap);
}

/* The largest possible heap (ARENAS_MAX), and a trace of months: the columns are wide enough. */
static void test_huge_heap(void **state)
{
	const uint64_t pools = (1UL << 40) / 16384, blocks = pools * 1021;
	struct sample_report *sample = *state;
	_cleanup_free_ char *text = NULL;

	sample->findings.measure.classes[0].spans = pools;
	sample->findings.measure.classes[0].live_blocks = blocks / 2;
	sample->findings.measure.classes[0].free_blocks = blocks / 2;
	sample->findings.pinned.regions[1].pinned_for_s = 100 * 86400.0 + 59 * 60;
	sample->findings.pinned.what_if[1] =
		(struct what_if){.regions = ARENAS_MAX, .blocks = blocks / 10, .bytes = 1UL << 40};
	text = write_text(sample);
	assert_int_equal(check_columns(text, class_columns), 3);
	assert_int_equal(check_columns(strstr(text, "Reclaimable memory"), what_if_columns), 2);
	assert_int_equal(check_pinned_columns(text), 2);
}

static void test_nothing_pinned(void **state)
{
	/* A report on an empty heap has none of these. */
	static const char *const absent[] = {
		"Reclaimable memory", "Size classes", "Map of", "nan", "inf", "100.0 %"};
	struct findings_options options = {.below = 0.1, .with_map = true};
	struct heap *heap = sample_heap__new_empty(&sample_geometry);
	struct sample_report *sample = *state;
	_cleanup_free_ char *text = NULL, *full = NULL;

	collect(sample, heap, &options);
	text = write_text(sample);
	assert_in_line(text, "=>", "The heap has no arenas");
	assert_line(text, "Heap:", "Heap: fragmentation 0.0 %");
	assert_in_line(text, "Pinned arenas", ": 0 with an occupancy below 10.0 %");
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		assert_not_in(text, absent[i]);
	heap__free(heap);

	heap = sample_heap__new();
	options.below = 0;
	collect(sample, heap, &options);
	full = write_text(sample);
	assert_line(full, "=>",
		    "=> No arena is pinned. Arenas: 1.0 MiB, 3.2 % of it live (313 blocks).");
	assert_not_in(full, "Reclaimable memory");
	heap__free(heap);
}

static void test_tracing(void **state)
{
	struct sample_report *sample = *state;
	_cleanup_free_ char *snapshot = write_text(sample), *text = NULL, *watch = NULL,
			    *all = NULL, *most = NULL, *lost = NULL;

	assert_not_in(snapshot, "Tracing");
	sample->tracing = (struct report_tracing){.mode = "full",
						  .totals.probe_sites = 216,
						  .totals.counts.allocs = 6000000000,
						  .totals.counts.frees = 3000000000,
						  .totals.counts.regions_mapped = 1012,
						  .totals.counts.regions_unmapped = 13,
						  .totals.counts.freelist_clears = 14,
						  .totals.counts.resyncs = 15,
						  .totals.counts.missed_allocs = 2999999997,
						  .totals.counts.missed_frees = 1,
						  .totals.counts.drift_blocks = 2,
						  .follows_blocks = true,
						  .totals.sees.arena_maps = true,
						  .totals.sees.arena_unmaps = true,
						  .totals.sees.freelist_clears = true,
						  .traced_for_s = 3725};
	counters__set(&sample->counters, COUNTER_LOST, 1616);
	sample->report.tracing = &sample->tracing;
	text = write_text(sample);
	assert_line(text, "Tracing:", "Tracing: mode full, 216 probe sites, for 1 h 2 min");
	/* Nine of twelve were seen. */
	assert_line(text, "6,000,000,000 allocs",
		    " 6,000,000,000 allocs, 3,000,000,000 frees, 1,616 events lost; coverage 0.75");
	assert_line(text, "arenas:",
		    " arenas: 1,012 mapped, 13 unmapped; free-list clears: 14; resyncs: 15");

	sample->tracing.mode = "watch";
	sample->tracing.follows_blocks = false;
	sample->tracing.totals.sees.arena_maps = false;
	sample->tracing.totals.sees.freelist_clears = false;
	watch = write_text(sample);
	assert_in_line(watch, "Tracing:", ": mode watch, ");
	assert_not_in(watch, "coverage");
	assert_in_line(watch, "arenas: ", ": ? mapped, 13 unmapped;");
	assert_in_line(watch, "arenas: ", "clears: ?;");
	assert_in_line(watch, "(?: ", "not recorded, because this Python has no probe site");
	assert_not_in(text, "(?: ");

	/* Only a trace that missed nothing has seen everything. */
	sample->tracing = (struct report_tracing){.follows_blocks = true, .mode = "full"};
	sample->tracing.totals.counts.allocs = 40000000;
	counters__set(&sample->counters, COUNTER_LOST, 0);
	all = write_text(sample);
	assert_non_null(strstr(all, "coverage 1\n"));
	sample->tracing.totals.counts.missed_frees = 1;
	most = write_text(sample);
	assert_not_in(most, "coverage 1\n");
	sample->tracing.totals.counts.missed_frees = 0;
	counters__set(&sample->counters, COUNTER_LOST, 1);
	lost = write_text(sample);
	assert_not_in(lost, "coverage 1\n");
}

static void test_counters(void **state)
{
	static const char *const helps[COUNTER_CNT] = {
#define X(identifier, name, help) [COUNTER_##identifier] = (help),
		PYFRAG_COUNTERS(X)
#undef X
	};
	struct sample_report *sample = *state;
	_cleanup_free_ char *none = NULL, *all = NULL;

	sample->counters = (struct counters){};
	none = write_text(sample);
	assert_not_in(none, "Diagnostics");
	for (int i = 0; i < COUNTER_CNT; i++) {
		_cleanup_free_ char *one = NULL;

		assert_not_in(none, helps[i]);
		counters__set(&sample->counters, i, 1234567);
		one = write_text(sample);
		assert_in_line(one, "1,234,567 ", helps[i]);
		assert_int_equal(count_of(one, "1,234,567"), 1);
		counters__set(&sample->counters, i, 0);
	}
	for (int i = 0; i < COUNTER_CNT; i++)
		counters__set(&sample->counters, i, 1);
	all = write_text(sample);
	assert_int_equal(count_of(all, "Diagnostics"), 1);
	for (int i = 0; i < COUNTER_CNT; i++)
		assert_non_null(strstr(all, helps[i]));
}

static void test_map(void **state)
{
	struct sample_report *sample = *state;
	_cleanup_free_ char *text = NULL;
	size_t sectors[256] = {};
	const char *line;

	sample_report__release(sample);
	sample_report__init(sample, true);
	text = write_text(sample);
	assert_int_equal(count_of(text, "Map of "), 3);
	line = strstr(text, "Map of 0x7f0000000000-0x7f0000080000: 512.0 KiB, 256 B per sector\n");
	assert_non_null(line);
	/* 2048 sectors, at most 80 on a line. */
	for (line = strchr(line, '\n') + 1; strncmp(line, "fragmentation", 13) != 0;
	     line = strchr(line, '\n') + 1) {
		assert_true(strcspn(line, "\n") > 0 && strcspn(line, "\n") <= 80);
		for (size_t i = 0; line[i] != '\n'; i++)
			sectors[(uint8_t)line[i]]++;
	}
	/* A: one; B: one and two, and the full pool of 16 sectors. */
	assert_int_equal(sectors['-'], 2);
	assert_int_equal(sectors['*'], 18);
	assert_int_equal(sectors[' '], 2048 - 20);
	assert_memory_equal(line, "fragmentation 99.1 %; partly used sectors 2; fully used sectors",
			    59);
	assert_in_line(line, "fragmentation", " used sectors 18 (longest run ");
	assert_in_line(line, "fragmentation", " free sectors 2,028 (longest run ");
}

/* Whether @text contains a C0 or C1 control character, which a terminal may interpret. */
static bool can_command(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		if ((*at < ' ' && *at != '\n') || *at == 0x7f ||
		    (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f))
			return true;
	return false;
}

/* The target chooses its names. They stay on their line, and do not control the terminal. */
static void test_hostile_names(void **state)
{
	static char empty[] = "", hostile[][24] = {"\033]0;owned\007", "a\r\n=> No arena",
						   "\177\b\b", "\xc2\x9b[2J"};
	struct sample_report *sample = *state;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(hostile); i++) {
		char *name = hostile[i / 2], copy[24];
		_cleanup_free_ char *text = NULL;

		memcpy(copy, name, sizeof(copy));
		memset(sample->cmdline, 0, sizeof(sample->cmdline));
		/* As an argument, and as the name of a process without arguments. */
		sample->cmdline[0] = i % 2 ? empty : name;
		sample->target.comm = name;
		text = write_text(sample);
		if (can_command(text))
			fail_msg("a terminal would obey name %zu", i);
		assert_int_equal(count_of(text, "\n=>"), 1);
		assert_non_null(strstr(text, "  CPython 3.9.2"));
		/* The report does not modify what it shows. */
		assert_string_equal(name, copy);
	}
}

static void test_hidden_cmdline(void **state)
{
	static char secret[] = "--password=hunter2";
	struct sample_report *sample = *state;
	_cleanup_free_ char *shown = NULL, *hidden = NULL;

	sample->cmdline[1] = secret;
	shown = write_text(sample);
	assert_non_null(strstr(shown, "hunter2"));
	sample->report.no_values = true;
	hidden = write_text(sample);
	assert_null(strstr(hidden, "hunter2"));
	assert_non_null(strstr(hidden, "  python3  CPython"));
}

/* A long command line is truncated and marked as such; others are not. */
static void test_long_cmdlines(void **state)
{
	static char words[200], second[] = "second";
	struct sample_report *sample = *state;

	memset(sample->cmdline, 0, sizeof(sample->cmdline));
	sample->cmdline[0] = words;
	for (size_t length = 1; length < sizeof(words); length++) {
		_cleanup_free_ char *alone = NULL, *followed = NULL;
		const char *end;

		words[length - 1] = 'w';
		sample->cmdline[1] = NULL;
		alone = write_text(sample);
		end = strstr(alone, "  CPython");
		assert_int_equal(memcmp(end - 3, "...", 3) == 0, length > 60);
		assert_int_equal(count_of(alone, "w") - count_of(strchr(alone, '\n'), "w"),
				 length > 60 ? 60 : length);
		sample->cmdline[1] = second;
		followed = write_text(sample);
		end = strstr(followed, "  CPython");
		if (memcmp(end - 3, "...", 3) != 0 && memcmp(end - 7, " second", 7) != 0)
			fail_msg("behind %zu bytes a word was lost without a trace", length);
	}
}

static void test_full_device(void **state)
{
	static char buffer[1 << 20];
	struct sample_report *sample = *state;

	sample_report__release(sample);
	sample_report__init(sample, true);
	for (int variant = 0; variant < 3; variant++) {
		FILE *full = fopen("/dev/full", "w");

		assert_non_null(full);
		if (variant == 1)
			setvbuf(full, NULL, _IONBF, 0);
		if (variant == 2)
			setvbuf(full, buffer, _IOFBF, sizeof(buffer));
		assert_int_equal(report__write_text(&sample->report, full), -ENOSPC);
		fclose(full);
	}
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frame),	   TEST(test_verdict),
		TEST(test_one_block),	   TEST(test_what_was_not_read),
		TEST(test_heap),	   TEST(test_size_classes),
		TEST(test_pinned),	   TEST(test_many_pinned),
		TEST(test_huge_heap),	   TEST(test_nothing_pinned),
		TEST(test_tracing),	   TEST(test_full_device),
		TEST(test_counters),	   TEST(test_map),
		TEST(test_hostile_names),  TEST(test_long_cmdlines),
		TEST(test_hidden_cmdline),
	};

	setenv("TZ", "UTC0", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
