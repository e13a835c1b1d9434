// SPDX-License-Identifier: BSD-2-Clause
/*
 * The checks before BPF programs walk: one thread of a Python 3.12, and the code of its frames.
 * test_py_walk.c tests how frames are walked.
 */
#include "stacks/thread_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_code.h"
#include "target/offsets.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define HEAD	    0x5100000000UL /* pages, each with one thing in it */
#define INTERPRETER 0x5200000000UL
#define THREAD	    0x5300000000UL
#define CFRAME	    0x5400000000UL
#define INNER	    0x5500000000UL
#define OUTER	    0x5600000000UL
#define SHIM	    0x5700000000UL
#define CODE	    0x7f0000010000UL

struct fixture {
	struct fake_memory memory;
	struct py_walk walk;
	uint64_t reads_left; /* until the target's frames are consistent */
};

static uint64_t *word(const struct fixture *fixture, uint64_t address)
{
	return fake_memory__word(&fixture->memory, address);
}

static void make_frame(struct fixture *fixture, uint64_t frame, uint64_t previous, uint64_t code,
		       uint8_t owner)
{
	const struct py_offsets *offsets = &fixture->walk.offsets;

	*word(fixture, frame + offsets->frame_previous) = previous;
	*word(fixture, frame + offsets->frame_code) = code;
	*word(fixture, frame + offsets->frame_instr) = code + FAKE_INSTR;
	*(uint8_t *)fake_memory__at(&fixture->memory, frame + offsets->frame_owner, 1) = owner;
}

static int set_up(void **state)
{
	static const uint64_t pages[] = {HEAD, INTERPRETER, THREAD, CFRAME, INNER, OUTER, SHIM};
	static const struct fake_code code = {"run", "App.run", "/srv/app.py", 10, 1};
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct py_offsets *offsets;

	assert_non_null(fixture);
	fixture->walk = (struct py_walk){.offsets = *py_offsets__of_version(3, 12),
					 .interpreters_head = HEAD};
	offsets = &fixture->walk.offsets;
	fixture->walk.frame_bytes = py_offsets__frame_bytes(offsets);
	fake_memory__init(&fixture->memory);
	fake_code__map_type(&fixture->memory);
	for (uint64_t i = 0; i < 2; i++)
		fake_code__map(&fixture->memory, CODE + i * FAKE_CODE_BYTES, &code);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		fake_memory__map(&fixture->memory, pages[i], 4096);
	*word(fixture, HEAD) = INTERPRETER;
	*word(fixture, INTERPRETER + offsets->interpreter_threads_head) = THREAD;
	*word(fixture, THREAD + offsets->thread_id) = 0x7fabc0de;
	*word(fixture, THREAD + offsets->thread_status) = PY_THREAD_INITIALIZED;
	*word(fixture, THREAD + offsets->thread_frame) = CFRAME;
	*word(fixture, CFRAME + offsets->cframe_current_frame) = INNER;
	make_frame(fixture, INNER, OUTER, CODE, 0);
	make_frame(fixture, OUTER, SHIM, CODE + FAKE_CODE_BYTES, 0);
	make_frame(fixture, SHIM, 0, 0x1000, offsets->frame_owner_native);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	fake_memory__release(&fixture->memory);
	free(fixture);
	return 0;
}

static void check_good(const struct fixture *fixture)
{
	struct failure failure = {.text = "untouched"};

	assert_int_equal(thread_walk__check(&fixture->walk, &fixture->memory.memory, &failure), 0);
	assert_string_equal(failure.text, "untouched");
}

static void check_bad(const struct fixture *fixture)
{
	struct failure failure = {};

	assert_int_equal(thread_walk__check(&fixture->walk, &fixture->memory.memory, &failure),
			 -EBADMSG);
	assert_non_null(strstr(failure.text, "frames of this Python do not match the layout"));
}

static void test_good(void **state)
{
	struct fixture *fixture = *state;

	check_good(fixture);
	/* A thread that runs nothing is valid, too. */
	*word(fixture, CFRAME + fixture->walk.offsets.cframe_current_frame) = 0;
	check_good(fixture);
}

static void test_no_code(void **state)
{
	struct fixture *fixture = *state;
	uint64_t *code = word(fixture, OUTER + fixture->walk.offsets.frame_code);

	/* Another object, a null pointer, and unmapped memory. */
	*code = CODE + 8;
	check_bad(fixture);
	*code = 0;
	check_bad(fixture);
	*code = 0x123456789000;
	check_bad(fixture);
	*code = CODE;
	check_good(fixture);
}

static void test_no_thread(void **state)
{
	struct fixture *fixture = *state;
	const struct py_offsets *offsets = &fixture->walk.offsets;

	*word(fixture, THREAD + offsets->thread_id) = 0;
	check_bad(fixture);
	*word(fixture, INTERPRETER + offsets->interpreter_threads_head) = 0;
	check_bad(fixture);
	*word(fixture, HEAD) = 0;
	check_bad(fixture);
	fixture->walk.interpreters_head = 0x123456789000;
	check_bad(fixture);
}

/* What determines which thread runs: its status and (up to 3.11) a pointer. */
static void test_no_current_thread(void **state)
{
	struct fixture *fixture = *state;
	struct py_offsets *offsets = &fixture->walk.offsets;

	*word(fixture, THREAD + offsets->thread_status) = PY_THREAD_ACTIVE;
	check_bad(fixture);
	offsets->thread_status = PY_NO_OFFSET;
	fixture->walk.current_thread = HEAD + 8;
	check_good(fixture); /* none does */
	*word(fixture, HEAD + 8) = THREAD;
	check_good(fixture);
	*word(fixture, HEAD + 8) = OUTER;
	check_bad(fixture);
	fixture->walk.current_thread = 0x123456789000;
	check_bad(fixture);
}

static void test_unreadable(void **state)
{
	struct fixture *fixture = *state;

	fake_memory__unmap(&fixture->memory, SHIM);
	check_bad(fixture);
	fake_memory__unmap(&fixture->memory, CFRAME);
	check_bad(fixture);
}

/* If nothing can be read, trying again does not help, and it says nothing about the layout. */
static void test_errors_of_reading(void **state)
{
	static const int errors[] = {-ESRCH, -EPERM, -ETIME};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct failure failure = {};

		fixture->memory.error = errors[i];
		fixture->memory.call_cnt = 0;
		assert_int_equal(thread_walk__check(&fixture->walk, &fixture->memory.memory,
						    &failure),
				 errors[i]);
		assert_int_equal(fixture->memory.call_cnt, 1);
		assert_null(strstr(failure.text, "layout"));
		assert_non_null(strstr(failure.text, strerror(-errors[i])));
	}
}

static void run_out_of_time(void *context, uint64_t address, size_t size)
{
	struct fixture *fixture = context;

	(void)address;
	(void)size;
	if (!--fixture->reads_left)
		fixture->memory.error = -ETIME;
}

/* The same at any later point: while the frames or their code are read. */
static void test_error_in_the_middle(void **state)
{
	struct fixture *fixture = *state;
	uint64_t reads, calls = 0;
	int err = -ETIME;

	fixture->memory.before_read = run_out_of_time;
	fixture->memory.context = fixture;
	for (reads = 1; err; reads++) {
		struct failure failure = {};

		fixture->memory.error = 0;
		fixture->memory.call_cnt = 0;
		fixture->reads_left = reads;
		err = thread_walk__check(&fixture->walk, &fixture->memory.memory, &failure);
		assert_true(!err || err == -ETIME);
		/* One call fails, and none follows. */
		assert_true(fixture->memory.call_cnt <= calls + 2);
		calls = fixture->memory.call_cnt;
	}
	assert_true(reads > 20);
}

static void come_around(void *context, uint64_t address, size_t size)
{
	struct fixture *fixture = context;

	(void)address;
	(void)size;
	if (!--fixture->reads_left)
		make_frame(fixture, INNER, OUTER, CODE, 0);
}

/* The target runs: a single read may find a frame that is being created. */
static void test_tried_again(void **state)
{
	struct fixture *fixture = *state;

	make_frame(fixture, INNER, 0x123456789000, CODE + 8, 0);
	fixture->reads_left = 30;
	fixture->memory.before_read = come_around;
	fixture->memory.context = fixture;
	check_good(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_code, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_thread, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_current_thread, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_errors_of_reading, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_error_in_the_middle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tried_again, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
