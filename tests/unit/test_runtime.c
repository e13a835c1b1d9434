// SPDX-License-Identifier: BSD-2-Clause
/*
 * The starting point of a walk. A stripped Python before 3.7 is recognized by what its data points
 * to: this test has such data itself, and examines its own process. (With symbols:
 * tests/e2e/test_offsets.py.)
 */
#include "target/runtime_search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/live.h"
#include "target/offsets.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* The names that are looked up. */
extern uint64_t PyDict_Type[4], _PyRuntime[16], _PyThreadState_Current;
uint64_t PyDict_Type[4] = {1}, _PyRuntime[16] = {1}, _PyThreadState_Current;

struct object {
	uint64_t refcnt, type;
} __attribute__((aligned(16)));

/* Up to 3.6: next, tstate_head, modules. */
struct interpreter {
	uint64_t next, threads_head, modules;
} __attribute__((aligned(16)));

/* 2.7: next, interp; 3.6: prev, next, interp. */
struct thread {
	uint64_t words[4];
};

/*
 * The variables of Python/pystate.c under other names; volatile, so that the compiler keeps them.
 */
static volatile struct {
	uint64_t before, first, between, second, after;
} data = {.before = 1};

/*
 * The variables point to the heap, as in a real Python, and not to its start, because the test's
 * own pointer to that is also in the data.
 */
struct heap {
	struct object modules;
	struct interpreter interpreters[3];
	struct thread threads[3];
};

static struct heap *heap;

static int make_heap(void **state)
{
	(void)state;
	heap = aligned_alloc(16, sizeof(*heap));
	return heap ? 0 : -1;
}

static int free_heap(void **state)
{
	(void)state;
	free(heap);
	heap = NULL;
	return 0;
}

static uint64_t address_of(const volatile void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

/* Interpreters, of which the last is the oldest, with one thread each. */
static void make_interpreters(const struct py_offsets *offsets)
{
	heap->modules.type = address_of(PyDict_Type);
	for (size_t i = 0; i < ARRAY_SIZE(heap->interpreters); i++) {
		heap->interpreters[i] = (struct interpreter){
			.next = i + 1 < ARRAY_SIZE(heap->interpreters)
					? address_of(&heap->interpreters[i + 1])
					: 0,
			.threads_head = address_of(&heap->threads[i]),
			.modules = address_of(&heap->modules),
		};
		heap->threads[i] = (struct thread){};
		heap->threads[i].words[offsets->thread_interpreter / 8] =
			address_of(&heap->interpreters[i]);
	}
	data.first = data.second = 0;
}

struct world {
	struct target *target;
	struct python *python;
};

/* Makes this process look like a Python of that version: its data has no version string. */
static void world__init(struct world *world, int major, int minor)
{
	struct failure failure;

	assert_int_equal(live__open(&world->target, getpid(), &failure), 0);
	world->python = calloc(1, sizeof(*world->python));
	assert_non_null(world->python);
	world->python->major = major;
	world->python->minor = minor;
	for (size_t i = 0; i < world->target->map_cnt && !world->python->module; i++)
		if (world->target->maps[i].executable &&
		    !strcmp(world->target->maps[i].path, world->target->exe))
			assert_int_equal(module__open(&world->python->module, world->target,
						      &world->target->maps[i]),
					 0);
	assert_non_null(world->python->module);
}

static void world__release(struct world *world)
{
	python__free(world->python);
	target__free(world->target);
}

static const struct memory *memory_of(const struct world *world)
{
	return world->target->memory;
}

static void assert_head(const struct world *world, const volatile uint64_t *expected)
{
	struct runtime runtime;
	struct failure failure = {};

	assert_int_equal(runtime__find(&runtime, world->python, memory_of(world), &failure), 0);
	assert_int_equal(runtime.interpreters_head, address_of(expected));
	assert_int_equal(runtime.address, 0);
	assert_int_equal(runtime.current_thread, address_of(&_PyThreadState_Current));
}

static void assert_no_head(const struct world *world)
{
	struct runtime runtime = {.address = 99};
	struct failure failure = {};

	assert_int_equal(runtime__find(&runtime, world->python, memory_of(world), &failure),
			 -ENODATA);
	assert_int_equal(runtime.address, 99);
	assert_true(strlen(failure.text) > 0);
}

static void test_head_by_what_it_points_to(void **state)
{
	static const int versions[][2] = {{2, 7}, {3, 6}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		const struct py_offsets *offsets =
			py_offsets__of_version(versions[i][0], versions[i][1]);
		struct world world;

		world__init(&world, versions[i][0], versions[i][1]);
		make_interpreters(offsets);
		assert_no_head(&world);
		/* One interpreter: both variables point to it, and either will do. */
		data.first = data.second = address_of(&heap->interpreters[2]);
		assert_head(&world, &data.first);
		/*
		 * Several interpreters: the head leads to all of them, whichever variable comes
		 * first.
		 */
		data.first = address_of(&heap->interpreters[0]);
		assert_head(&world, &data.first);
		data.first = address_of(&heap->interpreters[2]);
		data.second = address_of(&heap->interpreters[0]);
		assert_head(&world, &data.second);
		world__release(&world);
	}
}

static void test_what_only_looks_like_it(void **state)
{
	struct world world;

	(void)state;
	world__init(&world, 2, 7);
	make_interpreters(py_offsets__of_version(2, 7));
	data.first = address_of(&heap->interpreters[0]);
	assert_head(&world, &data.first);
	/*
	 * The thread belongs to another interpreter; the modules are not a dict; the pointer is
	 * unaligned.
	 */
	heap->threads[0].words[1]++;
	assert_no_head(&world);
	heap->threads[0].words[1]--;
	heap->modules.type += 8;
	assert_no_head(&world);
	heap->modules.type -= 8;
	data.first += 8;
	assert_no_head(&world);
	data.first -= 8;
	/* Pointers to unmapped memory. */
	heap->interpreters[0].threads_head = 0x1000;
	assert_no_head(&world);
	world__release(&world);
}

static void test_list_by_the_head(void **state)
{
	_cleanup_account_free_ uint64_t *found = NULL;
	struct failure failure;
	struct runtime runtime;
	struct world world;
	size_t cnt;

	(void)state;
	world__init(&world, 3, 6);
	make_interpreters(py_offsets__of_version(3, 6));
	data.first = address_of(&heap->interpreters[0]);
	assert_int_equal(runtime__find(&runtime, world.python, memory_of(&world), &failure), 0);
	assert_int_equal(runtime__interpreters(&runtime, memory_of(&world), &found, &cnt), 0);
	assert_int_equal(cnt, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(found[i], address_of(&heap->interpreters[i]));
	world__release(&world);
}

static void test_head_in_the_runtime(void **state)
{
	(void)state;
	for (int minor = 7; minor <= 12; minor++) {
		const struct py_offsets *offsets = py_offsets__of_version(3, minor);
		struct failure failure = {};
		struct runtime runtime;
		struct world world;

		world__init(&world, 3, minor);
		world.python->runtime = address_of(_PyRuntime);
		assert_int_equal(runtime__find(&runtime, world.python, memory_of(&world), &failure),
				 0);
		assert_int_equal(runtime.address, address_of(_PyRuntime));
		assert_int_equal(runtime.interpreters_head,
				 address_of(_PyRuntime) + offsets->runtime_interpreters_head);
		/* Stripped of this symbol. */
		world.python->runtime = 0;
		assert_no_head(&world);
		world__release(&world);
	}
}

static void test_refusals(void **state)
{
	struct failure failure = {};
	struct runtime runtime;
	struct world world;

	(void)state;
	world__init(&world, 3, 13);
	assert_int_equal(runtime__find(&runtime, world.python, memory_of(&world), &failure),
			 -ENODATA);
	world.python->runtime = address_of(_PyRuntime);
	assert_int_equal(runtime__find(&runtime, world.python, memory_of(&world), &failure),
			 -EBADMSG);
	world.python->free_threaded = true;
	assert_int_equal(runtime__find(&runtime, world.python, memory_of(&world), &failure),
			 -ENOTSUP);
	assert_non_null(strstr(failure.text, "free-threaded"));
	world.python->free_threaded = false;
	world.python->minor = 99;
	assert_int_equal(runtime__find(&runtime, world.python, memory_of(&world), &failure),
			 -ENOTSUP);
	world__release(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head_by_what_it_points_to),
		cmocka_unit_test(test_what_only_looks_like_it),
		cmocka_unit_test(test_list_by_the_head),
		cmocka_unit_test(test_head_in_the_runtime),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, make_heap, free_heap);
}
