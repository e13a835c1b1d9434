// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/malloc_changes.h"

#include <stdlib.h>
#include <string.h>

#include "output/json_malloc_changes.h"
#include "output/text_malloc_changes.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define MIB	  (1UL << 20)
#define NS_PER_S  1000000000UL
#define PIN	  0x7f0000001230UL
#define PIN_BYTES 48

/* An arena with as much in use as is free, and all free memory pinned. */
static struct arena_record make_arena(uint64_t address, uint64_t free_bytes)
{
	return (struct arena_record){
		.address = address,
		.figures = {[MALLOC_IN_USE] = free_bytes,
			    [MALLOC_FREE] = free_bytes,
			    [MALLOC_PINNED] = free_bytes},
		.pin = {.block = PIN, .size = PIN_BYTES},
	};
}

/* A record of arenas, which are sorted, with what they sum up to. */
static struct malloc_record make_record(struct arena_record *arenas, size_t cnt, uint64_t read_ns)
{
	struct malloc_record record = {.read_ns = read_ns, .arenas = arenas, .arena_cnt = cnt};

	for (size_t i = 0; i < cnt; i++)
		for (int figure = 0; figure < ARENA_FIGURE_CNT; figure++)
			record.figures[figure] += arenas[i].figures[figure];
	record.figures[MALLOC_ARENAS] = cnt;
	return record;
}

static char *write_text(const struct malloc_changes *changes)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	text_malloc_changes__write(changes, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void assert_text(const struct malloc_changes *changes, const char *expected)
{
	_cleanup_free_ char *text = write_text(changes);

	assert_string_equal(text, expected);
}

static void test_arenas_are_known_by_address(void **state)
{
	struct arena_record before[] = {make_arena(1, 100), make_arena(2, 100), make_arena(3, 100)},
			    after[] = {make_arena(2, 90), make_arena(3, 100), make_arena(4, 50)};
	const struct malloc_record was = make_record(before, 3, 1), now = make_record(after, 3, 2);
	struct malloc_change change;

	(void)state;
	malloc_change__find(&change, &was, &now);
	assert_int_equal(change.new_arenas, 1);
	assert_int_equal(change.gone_arenas, 1);
	assert_int_equal(change.changed_arenas, 2);
	assert_int_equal(change.new_free_bytes, 50);
	assert_int_equal(change.arena_cnt, 2);
	assert_ptr_equal(change.arenas[0].now, &after[2]);
	assert_null(change.arenas[0].was);
	assert_ptr_equal(change.arenas[1].now, &after[0]);
	assert_ptr_equal(change.arenas[1].was, &before[1]);
	assert_ptr_equal(change.most_pinned, &after[2]);
	assert_int_equal(change.most_pinned_bytes, 50);
}

static void test_lists_those_that_grew_most(void **state)
{
	struct arena_record before[3 * ARENA_CHANGES_MAX], after[3 * ARENA_CHANGES_MAX];
	const size_t cnt = ARRAY_SIZE(after);
	struct malloc_record was, now;
	struct malloc_change change;

	(void)state;
	for (size_t i = 0; i < cnt; i++) {
		before[i] = make_arena(i, 1000);
		after[i] = make_arena(i, 1001 + 7 * i % cnt);
	}
	was = make_record(before, cnt, 1);
	now = make_record(after, cnt, 2);
	malloc_change__find(&change, &was, &now);
	assert_int_equal(change.changed_arenas, cnt);
	assert_int_equal(change.arena_cnt, ARENA_CHANGES_MAX);
	for (size_t i = 0; i < ARENA_CHANGES_MAX; i++)
		assert_int_equal(change.arenas[i].now->figures[MALLOC_FREE], 1000 + cnt - i);
}

static void test_what_was_unknown_has_no_change(void **state)
{
	struct arena_record before[] = {make_arena(1, MIB)}, after[] = {make_arena(1, 9 * MIB)};
	struct malloc_changes changes = {};
	json_t *root, *since, *change;

	(void)state;
	before[0].figures[MALLOC_PINNED] = FIGURE_UNKNOWN;
	changes.first = make_record(before, 1, NS_PER_S / 2);
	changes.now = make_record(after, 1, 2 * NS_PER_S);
	assert_text(&changes, "\nmalloc since the trace began: in use +8.0 MiB, free +8.0 MiB\n");
	root = json_malloc_changes__report(&changes);
	assert_true(json_is_null(json_object_get(root, "since_report")));
	since = json_object_get(root, "since_start");
	assert_float_equal(json_real_value(json_object_get(since, "at_s")), 0.5, 1e-9);
	change = json_object_get(since, "change");
	assert_true(json_is_null(json_object_get(change, "pinned_bytes")));
	assert_int_equal(json_integer_value(json_object_get(change, "free_bytes")), 8 * MIB);
	json_decref(root);
}

static void test_text_names_new_arenas_and_the_pin(void **state)
{
	struct arena_record before[] = {make_arena(1, 9 * MIB)},
			    after[] = {make_arena(1, MIB), make_arena(2, 2 * MIB)};
	struct malloc_changes changes = {.first = make_record(before, 1, 12 * NS_PER_S),
					 .now = make_record(after, 2, 20 * NS_PER_S)};

	(void)state;
	after[1].thread = 77;
	strcpy(after[1].thread_name, "worker\n");
	assert_text(
		&changes,
		"\nmalloc, changes since the trace was 12.0 s old: in use -6.0 MiB, free -6.0 MiB, "
		"1 new arena (2.0 MiB in use, 2.0 MiB free; used by thread 77, "
		"worker?)\n"
		"  kept at the end of an arena +2.0 MiB, by a chunk of 48 B: "
		"snapshot --object 0x7f0000001230\n");
}

static void test_text_omits_small_changes(void **state)
{
	struct arena_record before[] = {make_arena(1, MIB)}, after[] = {make_arena(1, 2 * MIB - 1)};
	struct malloc_changes changes = {.first = make_record(before, 1, 1),
					 .now = make_record(after, 1, 2)};

	(void)state;
	assert_text(&changes, "");
	after[0].figures[MALLOC_PINNED]++;
	assert_text(&changes, "\nmalloc since the trace began: kept at the end of an arena +1.0 "
			      "MiB, by a chunk of 48 B: snapshot --object 0x7f0000001230\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arenas_are_known_by_address),
		cmocka_unit_test(test_lists_those_that_grew_most),
		cmocka_unit_test(test_what_was_unknown_has_no_change),
		cmocka_unit_test(test_text_names_new_arenas_and_the_pin),
		cmocka_unit_test(test_text_omits_small_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
