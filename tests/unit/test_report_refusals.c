// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reports, or parts of them, that grow with the target. Each is made with an account in which the
 * first allocation is refused, then the second, and so on: each refusal ends it with -EDQUOT, and
 * nothing leaks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analysis/arena_report.h"
#include "analysis/memory_map.h"
#include "analysis/memory_use.h"
#include "analysis/outside_objects.h"
#include "analysis/pin_holders.h"
#include "analysis/pin_summary.h"
#include "census/graph.h"
#include "census/retention.h"
#include "child.h"
#include "fake_objects.h"
#include "malloc/malloc_layout.h"
#include "output/database.h"
#include "sample_report.h"
#include "snapshot/since.h"
#include "target/live.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* An allocation: glibc's chunk header, a GC header, and a list. */
#define OUTSIDE		 0x7f7700000000UL
#define LIST_CHUNK_BYTES 96UL

#define TUPLE_CNT  60
#define LISTED_CNT 8

struct fixture {
	struct world world;
	struct census *census;
	struct graph *graph;
	struct root root;
	struct roots roots;
	struct heap_measure measure;
	struct pinned pinned;
	struct heap *malloc; /* with a chunk for the list */
	/* Used by some tests only. */
	struct child child;
	struct target *target;
	int database_fd;
};

static uint64_t add_list_outside(struct world *world)
{
	uint64_t list = OUTSIDE + 16 + HEAD;

	fake_memory__map(&world->memory, OUTSIDE, 4096);
	memcpy(fake_memory__at(&world->memory, list, 40),
	       (uint64_t[]){1, world__class(LIST), 0, 0, 0}, 40);
	return list;
}

/* The heap of a malloc that has the chunk of the list in use. */
static struct heap *make_malloc(struct account *account)
{
	struct heap *heap;
	bool was_there;

	assert_int_equal(heap__new(&heap, &malloc_layout, account), 0);
	assert_int_equal(heap__add_region(heap, OUTSIDE, 4096), 0);
	heap->regions[0].carved_end = OUTSIDE + LIST_CHUNK_BYTES;
	assert_int_equal(block_map__insert(heap->spans, OUTSIDE + 16, &was_there), 0);
	assert_int_equal(block_map__insert(heap->blocks, OUTSIDE + 16, &was_there), 0);
	return heap;
}

static int set_up(void **state)
{
	static struct fixture fixture;
	static char *labels[] = {"root"};
	const struct pinned_options options = {.below = 1, .blocks_per_region_max = LISTED_CNT};
	struct pinned_history history = {};
	uint64_t last;

	fixture = (struct fixture){};
	world__make(&fixture.world);
	last = add_list_outside(&fixture.world);
	for (int i = 0; i < TUPLE_CNT; i++)
		last = HEAD + ADD(&fixture.world, 64, 1, 1, 1, world__class(TUPLE), 1, last);
	fixture.census = world__take(&fixture.world);
	assert_int_equal(graph__build(&fixture.graph, fixture.census, true), 0);
	fixture.roots =
		(struct roots){.roots = &fixture.root, .cnt = 1, .labels = labels, .label_cnt = 1};
	/* From there a path leads to each object. */
	fixture.root.node = graph__find(fixture.graph, last, false);
	assert_int_equal(heap__measure(fixture.world.heap, &fixture.measure), 0);
	assert_int_equal(pinned__find(&fixture.pinned, fixture.world.heap, &fixture.measure,
				      &options, &history, 1),
			 0);
	pinned_history__free(&history);
	fixture.malloc = make_malloc(fixture.world.heap->account);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	pinned__free(&fixture->pinned);
	heap_measure__free(&fixture->measure);
	graph__free(fixture->graph);
	census__free(fixture->census);
	heap__free(fixture->malloc);
	world__release(&fixture->world);
	return 0;
}

/* Maps the memory that contains the types; without it, no types are found. */
static int map_types(void *argument)
{
	static const uint64_t places[] = {FAKE_TYPE_TYPE, TYPES};

	(void)argument;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (mmap((void *)places[i], 1 << 20, PROT_READ,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
			return 1;
	if (write(STDOUT_FILENO, "", 1) == 1)
		pause();
	return 1;
}

static int set_up_process(void **state)
{
	struct fixture *fixture;
	struct failure failure;

	set_up(state);
	fixture = *state;
	child__fork(&fixture->child, map_types, NULL);
	child__wait_until_ready(&fixture->child);
	assert_int_equal(live__open(&fixture->target, fixture->child.pid, &failure), 0);
	return 0;
}

/* Waits until it has a visible stack pointer. */
static void wait_until_it_waits(pid_t pid)
{
	char path[64], text[256] = "running";

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	while (!strncmp(text, "running", strlen("running"))) {
		_cleanup_fclose_ FILE *file = fopen(path, "re");

		assert_non_null(file);
		assert_non_null(fgets(text, sizeof(text), file));
	}
}

/* Another program, because with sanitizers this one has terabytes mapped. */
static int set_up_program(void **state)
{
	struct fixture *fixture;
	struct failure failure;

	set_up(state);
	fixture = *state;
	child__exec(&fixture->child, "/bin/cat", (char *[]){"cat", NULL}, (char *[]){NULL});
	assert_int_equal(write(fixture->child.in, "x", 1), 1);
	child__wait_until_ready(&fixture->child);
	wait_until_it_waits(fixture->child.pid);
	assert_int_equal(live__open(&fixture->target, fixture->child.pid, &failure), 0);
	return 0;
}

static int tear_down_process(void **state)
{
	struct fixture *fixture = *state;

	target__free(fixture->target);
	child__kill(&fixture->child);
	return tear_down(state);
}

static int make_holders(struct fixture *fixture)
{
	const struct pin_holders_options options = {.by = BY_TYPE};
	_cleanup_(retention__freep) struct retention *retention = NULL;
	_cleanup_(pin_holders__release) struct pin_holders holders = {};
	int err = retention__new(&retention, fixture->graph, &fixture->roots);

	if (!err)
		err = pin_holders__find(&holders, &fixture->pinned, fixture->graph, &fixture->roots,
					retention, &options);
	assert_int_equal(holders.story_cnt, err ? 0 : LISTED_CNT);
	return err;
}

static int make_arena(struct fixture *fixture)
{
	const struct pin_holders_options options = {.by = BY_TYPE};
	_cleanup_(retention__freep) struct retention *retention = NULL;
	_cleanup_(arena_report__release) struct arena_report report = {};
	int err = retention__new(&retention, fixture->graph, &fixture->roots);

	if (!err)
		err = arena_report__find(&report, fixture->graph, &fixture->roots, retention, ARENA,
					 &options);
	assert_int_equal(report.pinned.region_cnt, !err);
	return err;
}

static int make_outside(struct fixture *fixture)
{
	_cleanup_(outside_objects__release) struct outside_objects objects = {};
	int err = outside_objects__find(&objects, fixture->graph, fixture->malloc);

	assert_int_equal(objects.bytes, err ? 0 : LIST_CHUNK_BYTES - 8);
	return err;
}

static int make_map(struct fixture *fixture)
{
	_cleanup_(memory_map__free) struct memory_map map = {};
	int err = memory_map__draw(&map, fixture->world.heap);

	assert_int_equal(map.region_cnt, !err);
	return err;
}

static int make_retention(struct fixture *fixture)
{
	_cleanup_(retention__freep) struct retention *retention = NULL;

	return retention__new(&retention, fixture->graph, &fixture->roots);
}

static int write_database(struct fixture *fixture, int fd)
{
	const struct findings findings = {.layout = fixture->world.heap->layout,
					  .measure = fixture->measure,
					  .pinned = fixture->pinned,
					  .resident_bytes = RESIDENT_UNKNOWN};
	_cleanup_(retention__freep) struct retention *retention = NULL;
	struct report_contents contents = {.heap = fixture->world.heap,
					   .graph = fixture->graph,
					   .roots = &fixture->roots};
	int err = retention__new(&retention, fixture->graph, &fixture->roots);
	struct sample_report sample;
	struct failure failure;

	if (err)
		return err;
	sample_report__init(&sample, false);
	if (fixture->target)
		sample.target.pid = fixture->target->pid;
	sample.report.findings = &findings;
	contents.retention = retention;
	sample.report.contents = &contents;
	err = database__write(fd, &sample.report, &failure);
	if (err)
		assert_non_null(strstr(failure.text, "--max-memory"));
	sample_report__release(&sample);
	return err;
}

static int make_database(struct fixture *fixture)
{
	_cleanup_close_ int fd = memfd_create("database", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return write_database(fixture, fd);
}

static int make_since(struct fixture *fixture)
{
	struct census *census = fixture->census;
	char path[64];
	const struct reading_options options = {.database_cpu_s = 60,
						.max_memory_bytes = 64UL << 20};
	struct failure failure = {};
	uint64_t hidden_cnt = 0;
	int err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fixture->database_fd);
	err = since__hide(census, fixture->target, path, &options, &hidden_cnt, &failure);
	assert_int_equal(hidden_cnt, err ? 0 : TUPLE_CNT);
	assert_int_equal(strstr(failure.text, "--max-memory") != NULL, err != 0);
	account__free(census->hidden);
	census->hidden = NULL;
	return err;
}

static int make_memory_use(struct fixture *fixture)
{
	_cleanup_(memory_use__release) struct memory_use use = {};
	const struct malloc_areas none = {};
	const struct memory_use_of of = {.target = fixture->target,
					 .heap = fixture->world.heap,
					 .malloc = &none};
	int err = memory_use__find(&use, &of);

	assert_int_equal(use.region_cnt > 0, !err);
	return err;
}

static const struct world *world_to_read;

static int read_world(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	(void)memory;
	return memory__read_ranges(&world_to_read->memory.memory, ranges, cnt);
}

/* A process with the maps of a real one and the memory of the fixture. */
static struct heap_source source_of(const struct fixture *fixture)
{
	static struct python python = {.major = 3, .minor = 8};
	static struct target_heap target_heap = {.name = "pymalloc"}, *items[] = {&target_heap};

	world_to_read = &fixture->world;
	*fixture->target->memory =
		(struct memory){.read_ranges = read_world, .account = fixture->world.heap->account};
	return (struct heap_source){.target = fixture->target,
				    .python = &python,
				    .heaps = {.items = items, .cnt = 1}};
}

static int make_census(struct fixture *fixture)
{
	_cleanup_(census__freep) struct census *census = NULL;
	const struct heap_source source = source_of(fixture);
	struct failure failure;

	return source_census__take(&census, &source, fixture->world.heap, &failure);
}

static int make_pin_summary(struct fixture *fixture)
{
	_cleanup_(pin_summary__release) struct pin_summary summary = {};
	const struct heap_source source = source_of(fixture);
	struct failure failure = {};
	int err = pin_summary__add_kinds(&summary, &source, fixture->world.heap, &fixture->pinned,
					 &failure);

	assert_int_equal(strstr(failure.text, "--max-memory") != NULL, err != 0);
	assert_int_equal(summary.kind_cnt, !err);
	if (!err)
		assert_string_equal(summary.kinds[0].name, "tuple");
	return err;
}

/* The number of allocations that can be refused. */
static uint64_t refuse_each(struct fixture *fixture, int (*make)(struct fixture *))
{
	uint64_t nth = 0;
	int err;

	do {
		struct account *account;

		assert_int_equal(account__new(&account, UINT64_MAX, NULL), 0);
		account__refuse_nth(account, ++nth);
		fixture->world.heap->account = account;
		err = make(fixture);
		fixture->world.heap->account = NULL;
		assert_true(!err || err == -EDQUOT);
		assert_int_equal(account__usage(account).refused, err != 0);
		assert_int_equal(account__usage(account).used_bytes, 0);
		account__close(account);
	} while (err);
	return nth - 1;
}

static void test_holders(void **state)
{
	/* The pins, their nodes, stories and paths; rows and a table of the ranking by kind. */
	assert_true(refuse_each(*state, make_holders) >= 3 + LISTED_CNT + 2);
}

static void test_arena(void **state)
{
	/* As above, with the content of the arena, and the arena itself */
	assert_true(refuse_each(*state, make_arena) >= 2 + 3 + TUPLE_CNT + 2);
}

static void test_outside(void **state)
{
	/* Kinds, sizes, allocations, rows; and sorting three of them */
	assert_int_equal(refuse_each(*state, make_outside), 4 + 3);
}

static void test_database(void **state)
{
	/* The kinds, and sorting them */
	assert_int_equal(refuse_each(*state, make_database),
			 refuse_each(*state, make_retention) + 2);
}

static void test_since(void **state)
{
	struct fixture *fixture = *state;

	fixture->database_fd = memfd_create("database", MFD_CLOEXEC);
	assert_true(fixture->database_fd >= 0);
	assert_int_equal(write_database(fixture, fixture->database_fd), 0);
	/* The hidden blocks */
	assert_int_equal(refuse_each(fixture, make_since), 1);
	close(fixture->database_fd);
}

static void test_memory_use(void **state)
{
	/* Stack pointers, regions, and the ranges whose residency is queried */
	assert_true(refuse_each(*state, make_memory_use) >= 3);
}

static void test_pin_summary(void **state)
{
	/* The pins, which grow; rows of the ranking and its table */
	assert_true(refuse_each(*state, make_pin_summary) >= refuse_each(*state, make_census) + 3);
}

static void test_map(void **state)
{
	/* The regions; sums and sectors of the only one */
	assert_int_equal(refuse_each(*state, make_map), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_holders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_arena, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_outside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_map, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_database, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_since, set_up_program, tear_down_process),
		cmocka_unit_test_setup_teardown(test_memory_use, set_up_program, tear_down_process),
		cmocka_unit_test_setup_teardown(test_pin_summary, set_up_process,
						tear_down_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
