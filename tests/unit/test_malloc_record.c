// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/malloc_record.h"

#include <errno.h>

#include "analysis/malloc_changes.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define MAIN_ARENA   0x7f0000009000UL
#define THREAD_ARENA 0x7f0000001030UL

/* A malloc of two arenas, the second of which has the lower address. */
struct fixture {
	struct mallocs mallocs;
	struct malloc_arena arenas[2];
	struct malloc_arena_use uses[2];
	struct arena_trim trims[2];
	struct top_pin pins[3];
	struct process_memory memory;
	struct account *account;
};

static void fixture__init(struct fixture *fixture)
{
	*fixture = (struct fixture){
		.arenas = {{.address = MAIN_ARENA, .is_main = true, .threads = 1},
			   {.address = THREAD_ARENA, .threads = 2}},
		.uses = {{.in_use = {1, 1000}, .free = {1, 100}, .heap_bytes = 1100},
			 {.in_use = {1, 500},
			  .tcache = {1, 50},
			  .top_bytes = 7,
			  .heap_bytes = 557}},
		.trims = {{.chunk_bytes = 30, .top_bytes = 99}, {.chunk_bytes = 4}},
		.pins = {{.block = 0x1000, .size = 32, .released_bytes = 10},
			 {.rung = 1, .block = 0x900, .released_bytes = 60, .top_now_bytes = 5},
			 {.arena = 1, .block = 0x2000, .size = 64, .withheld_bytes = 40}},
	};
	fixture->mallocs.cnt = fixture->mallocs.areas.cnt = 1;
	fixture->mallocs.areas.items[0].arenas = fixture->arenas;
	fixture->mallocs.areas.items[0].arena_cnt = 2;
	fixture->mallocs.items[0].image.instance = &fixture->mallocs.areas.items[0];
	fixture->mallocs.items[0].image.arenas = fixture->uses;
	fixture->mallocs.items[0].trim = (struct malloc_trim){.arenas = fixture->trims,
							      .knows_resident = true,
							      .chunk_bytes = 34,
							      .top_bytes = 9};
	fixture->mallocs.items[0].pins =
		(struct top_pins){.items = fixture->pins, .cnt = 3, .knows_resident = true};
	fixture->memory.mallocs = &fixture->mallocs;
	assert_int_equal(account__new(&fixture->account, 1 << 20, NULL), 0);
}

static int make(struct malloc_record *record, struct fixture *fixture)
{
	fixture->memory.malloc = malloc_use__of(&fixture->mallocs);
	return malloc_record__make(record, &fixture->memory, 1, fixture->account);
}

static void test_figures(void **state)
{
	static const uint64_t main_figures[] = {1000, 100, 39, 55, 0},
			      thread_figures[] = {500, 57, 4, 40, 0},
			      sums[] = {1500, 157, 43, 95, 0, 2, 0};
	_cleanup_(malloc_record__release) struct malloc_record record = {};
	struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	assert_int_equal(make(&record, &fixture), 0);
	assert_int_equal(record.arena_cnt, 2);
	assert_int_equal(record.arenas[0].address, THREAD_ARENA);
	assert_int_equal(record.arenas[0].threads, 2);
	assert_int_equal(record.arenas[0].pin.size, 64);
	assert_memory_equal(record.arenas[0].figures, thread_figures, sizeof(thread_figures));
	assert_ptr_equal(malloc_record__find(&record, MAIN_ARENA), &record.arenas[1]);
	assert_true(record.arenas[1].is_main);
	assert_memory_equal(record.arenas[1].figures, main_figures, sizeof(main_figures));
	assert_memory_equal(record.figures, sums, sizeof(sums));
	assert_null(malloc_record__find(&record, MAIN_ARENA + 1));
	account__close(fixture.account);
}

/* Their pins are not known, even if some are found. */
static void test_arenas_that_were_not_read_completely(void **state)
{
	_cleanup_(malloc_record__release) struct malloc_record record = {};
	struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture.uses[1].lost_bytes = 4096;
	fixture.uses[0].missing_bytes = UINT64_MAX - 4096;
	fixture.mallocs.items[0].pins.cnt = 2;
	assert_int_equal(make(&record, &fixture), 0);
	assert_true(record.arenas[0].figures[MALLOC_PINNED] == FIGURE_UNKNOWN);
	assert_int_equal(record.arenas[0].pin.block, 0);
	assert_true(record.arenas[1].figures[MALLOC_PINNED] == FIGURE_UNKNOWN);
	assert_true(record.figures[MALLOC_PINNED] == FIGURE_UNKNOWN);
	assert_int_equal(record.arenas[0].figures[MALLOC_LOST], 4096);
	assert_int_equal(record.figures[MALLOC_LOST], (1UL << 56) + 4096);
	account__close(fixture.account);
}

static void test_residency_is_not_known(void **state)
{
	_cleanup_(malloc_record__release) struct malloc_record record = {};
	struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture.mallocs.items[0].pins.knows_resident = false;
	fixture.mallocs.items[0].trim.knows_resident = false;
	assert_int_equal(make(&record, &fixture), 0);
	assert_true(record.figures[MALLOC_PINNED] == FIGURE_UNKNOWN);
	assert_true(record.figures[MALLOC_TRIMMABLE] == FIGURE_UNKNOWN);
	assert_true(record.arenas[0].figures[MALLOC_TRIMMABLE] == FIGURE_UNKNOWN);
	assert_int_equal(record.figures[MALLOC_FREE], 157);
	account__close(fixture.account);
}

static void test_damaged_arena(void **state)
{
	_cleanup_(malloc_record__release) struct malloc_record record = {};
	struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture.arenas[1].system_bytes = 4096;
	fixture.uses[1] = (struct malloc_arena_use){};
	fixture.mallocs.areas.items[0].damaged_arenas = 1;
	fixture.mallocs.items[0].pins.cnt = 2;
	assert_int_equal(make(&record, &fixture), 0);
	assert_int_equal(record.figures[MALLOC_ARENAS], 2);
	assert_int_equal(record.figures[MALLOC_ARENAS_DAMAGED], 1);
	assert_true(record.arenas[0].figures[MALLOC_PINNED] == FIGURE_UNKNOWN);
	account__close(fixture.account);
}

/* A report without malloc, or without memory for it, is skipped: the next is compared as before. */
static void test_reports_without_malloc_are_skipped(void **state)
{
	const struct process_memory nothing = {};
	struct malloc_changes changes = {};
	struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture.memory.malloc = malloc_use__of(&fixture.mallocs);
	assert_int_equal(malloc_changes__note(&changes, &nothing, 1, fixture.account), 0);
	assert_int_equal(changes.now.read_ns, 0);
	account__refuse_nth(fixture.account, 1);
	assert_int_equal(malloc_changes__note(&changes, &fixture.memory, 2, fixture.account),
			 -EDQUOT);
	assert_int_equal(changes.first.read_ns, 0);
	for (uint64_t read_ns = 3; read_ns <= 5; read_ns++)
		assert_int_equal(malloc_changes__note(&changes,
						      read_ns == 4 ? &nothing : &fixture.memory,
						      read_ns, fixture.account),
				 0);
	assert_int_equal(changes.first.read_ns, 3);
	assert_int_equal(changes.before.read_ns, 3);
	assert_int_equal(changes.now.read_ns, 5);
	assert_int_equal(malloc_changes__note(&changes, &fixture.memory, 6, fixture.account), 0);
	assert_int_equal(changes.first.read_ns, 3);
	assert_int_equal(changes.before.read_ns, 5);
	malloc_changes__release(&changes);
	assert_int_equal(account__usage(fixture.account).used_bytes, 0);
	account__close(fixture.account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_arenas_that_were_not_read_completely),
		cmocka_unit_test(test_damaged_arena),
		cmocka_unit_test(test_residency_is_not_known),
		cmocka_unit_test(test_reports_without_malloc_are_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
