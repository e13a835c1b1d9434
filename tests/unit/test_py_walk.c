// SPDX-License-Identifier: BSD-2-Clause
/*
 * The walk to a thread and down its frames, through hand-made interpreters, threads and frames in
 * the layouts of several versions. The code under test is also compiled into the BPF programs.
 */
#include <stdbool.h>
#include <string.h>

#include "fake_memory.h"
#include "pyfrag/py_walk.h"
#include "pyfrag/stacks.h"
#include "target/offsets.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define OBJECTS	     0x7e0000000000UL
#define OBJECT_BYTES 0x1000UL
#define CODE	     0x7f0000010000UL
#define HEAD	     0x5100000000UL /* of the list of interpreters */
#define NATIVE	     3		    /* an owner: the interpreter itself */

/* An address space, and the objects created last in it. */
struct image {
	struct fake_memory memory;
	struct py_walk walk;
	uint64_t next_object;
	uint64_t last_interpreter, last_thread; /* 0: none; the next one is linked to them */
};

static bool read_memory(const void *memory, void *to, __u32 size, __u64 address)
{
	const void *bytes = fake_memory__find(memory, address, size);

	if (bytes)
		memcpy(to, bytes, size);
	return bytes;
}

static void append_frame(struct pyfrag_stack *stack, __u64 code, __s32 instr, __u32 owner)
{
	assert_true(stack->frame_cnt < PYFRAG_STACK_DEPTH_MAX);
	stack->frames[stack->frame_cnt++] = (struct pyfrag_frame){code, instr, owner};
}

static __u64 *frame_words(struct pyfrag_stack *stack)
{
	static __u64 words[PY_FRAME_WORDS];

	(void)stack;
	return words;
}

enum version {
	PYTHON_27,  /* f_lasti in bytes, no owners */
	PYTHON_310, /* f_lasti in units */
	PYTHON_311, /* a cframe; owners, none of them native */
	PYTHON_312, /* a cframe, native frames */
	PYTHON_314, /* no cframe, native frames, tag bits */
	VERSION_CNT,
};

static struct py_offsets offsets_of(enum version version)
{
	static const int minors[] = {7, 10, 11, 12, 12};
	struct py_offsets offsets =
		*py_offsets__of_version(version == PYTHON_27 ? 2 : 3, minors[version]);

	if (version == PYTHON_314) {
		offsets.cframe_current_frame = PY_NO_OFFSET;
		offsets.thread_frame = 0x48;
		offsets.frame_code_tags = 3;
		offsets.instr_kind = PY_INSTR_NEXT;
	}
	return offsets;
}

static bool has_pointer(const struct image *image)
{
	return image->walk.offsets.instr_kind > PY_INSTR_UNITS;
}

static void make(struct image *image, enum version version)
{
	*image = (struct image){.next_object = OBJECTS};
	fake_memory__init(&image->memory);
	image->walk = (struct py_walk){.offsets = offsets_of(version), .interpreters_head = HEAD};
	image->walk.frame_bytes = py_offsets__frame_bytes(&image->walk.offsets);
	fake_memory__map(&image->memory, HEAD, 8);
}

static void release(struct image *image)
{
	fake_memory__release(&image->memory);
}

static uint64_t make_object(struct image *image)
{
	uint64_t address = image->next_object;

	fake_memory__map(&image->memory, address, OBJECT_BYTES);
	image->next_object += 2 * OBJECT_BYTES;
	return address;
}

static void set(struct image *image, uint64_t address, uint64_t value)
{
	*fake_memory__word(&image->memory, address) = value;
}

static uint64_t add_interpreter(struct image *image)
{
	uint64_t interpreter = make_object(image);

	if (image->last_interpreter)
		set(image, image->last_interpreter + image->walk.offsets.interpreter_next,
		    interpreter);
	else
		set(image, HEAD, interpreter);
	image->last_interpreter = interpreter;
	image->last_thread = 0;
	return interpreter;
}

static void set_status(struct image *image, uint64_t thread, uint32_t status)
{
	if (image->walk.offsets.thread_status != PY_NO_OFFSET)
		*(uint32_t *)fake_memory__at(&image->memory,
					     thread + image->walk.offsets.thread_status, 4) =
			status;
}

/* Adds a thread to the interpreter that was created last. */
static uint64_t add_thread(struct image *image, uint64_t id)
{
	const struct py_offsets *offsets = &image->walk.offsets;
	uint64_t thread = make_object(image);

	if (image->last_thread)
		set(image, image->last_thread + offsets->thread_next, thread);
	else
		set(image, image->last_interpreter + offsets->interpreter_threads_head, thread);
	set(image, thread + offsets->thread_id, id);
	set_status(image, thread, PY_THREAD_INITIALIZED | PY_THREAD_ACTIVE);
	image->last_thread = thread;
	return thread;
}

/*
 * A frame that was called by @previous. @instr: bytes or units, or relative to the code object's
 * address.
 */
static uint64_t add_frame(struct image *image, uint64_t previous, uint64_t code, int32_t instr,
			  uint8_t owner)
{
	const struct py_offsets *offsets = &image->walk.offsets;
	uint64_t frame = make_object(image);

	set(image, frame + offsets->frame_previous, previous);
	set(image, frame + offsets->frame_code, code | offsets->frame_code_tags);
	if (has_pointer(image))
		set(image, frame + offsets->frame_instr, code + (uint64_t)instr);
	else
		memcpy(fake_memory__at(&image->memory, frame + offsets->frame_instr, 4), &instr, 4);
	if (offsets->frame_owner != PY_NO_OFFSET)
		*(uint8_t *)fake_memory__at(&image->memory, frame + offsets->frame_owner, 1) =
			owner;
	return frame;
}

/* Returns the structure that points at the frame: the thread's, or its cframe. */
static uint64_t enter(struct image *image, uint64_t thread, uint64_t frame)
{
	const struct py_offsets *offsets = &image->walk.offsets;
	uint64_t cframe;

	if (offsets->cframe_current_frame == PY_NO_OFFSET) {
		set(image, thread + offsets->thread_frame, frame);
		return thread;
	}
	cframe = make_object(image);
	set(image, cframe + offsets->cframe_current_frame, frame);
	set(image, thread + offsets->thread_frame, cframe);
	return cframe;
}

static struct py_walker walker_of(const struct image *image)
{
	return (struct py_walker){
		.read = read_memory,
		.add_frame = append_frame,
		.frame_words = frame_words,
		.memory = &image->memory,
	};
}

static enum py_walk_result walk(const struct image *image, uint64_t thread,
				struct pyfrag_stack *stack)
{
	const struct py_walker walker = walker_of(image);

	*stack = (struct pyfrag_stack){};
	return py_walk__frames(&image->walk, &walker, thread, stack);
}

static uint64_t find_thread(const struct image *image, uint64_t id)
{
	const struct py_walker walker = walker_of(image);

	return py_walk__find_thread(&image->walk, &walker, id);
}

static void check_frame(const struct pyfrag_stack *stack, uint32_t index, uint64_t code,
			int32_t instr, uint32_t owner)
{
	assert_true(index < stack->frame_cnt);
	assert_int_equal(stack->frames[index].code, code);
	assert_int_equal(stack->frames[index].instr, instr);
	assert_int_equal(stack->frames[index].owner, owner);
}

static void test_frames(void **state)
{
	(void)state;
	for (enum version version = 0; version < VERSION_CNT; version++) {
		struct pyfrag_stack stack;
		struct image image;
		uint64_t thread, frame = 0;
		uint32_t owner = version >= PYTHON_311 ? PYFRAG_OWNER_GENERATOR : 0;

		make(&image, version);
		add_interpreter(&image);
		thread = add_thread(&image, 1);
		for (int i = 2; i >= 0; i--)
			frame = add_frame(&image, frame, CODE + (uint64_t)i * 16, i - 1,
					  i == 1 ? PYFRAG_OWNER_GENERATOR : 0);
		enter(&image, thread, frame);
		assert_int_equal(walk(&image, thread, &stack), PY_WALK_DONE);
		assert_int_equal(stack.frame_cnt, 3);
		check_frame(&stack, 0, CODE, -1, 0);
		check_frame(&stack, 1, CODE + 16, 0, owner);
		check_frame(&stack, 2, CODE + 32, 1, 0);
		release(&image);
	}
}

static void test_no_frames(void **state)
{
	(void)state;
	for (enum version version = 0; version < VERSION_CNT; version++) {
		struct pyfrag_stack stack;
		struct image image;
		uint64_t thread;

		make(&image, version);
		add_interpreter(&image);
		thread = add_thread(&image, 1);
		enter(&image, thread, 0);
		assert_int_equal(walk(&image, thread, &stack), PY_WALK_DONE);
		assert_int_equal(stack.frame_cnt, 0);
		release(&image);
	}
}

/*
 * Where C calls Python there is a frame of the interpreter itself, whose code pointer is invalid.
 */
static void test_native_frames(void **state)
{
	(void)state;
	for (enum version version = PYTHON_311; version < VERSION_CNT; version++) {
		bool skipped = version != PYTHON_311;
		struct pyfrag_stack stack;
		struct image image;
		uint64_t thread, frame;

		make(&image, version);
		add_interpreter(&image);
		thread = add_thread(&image, 1);
		frame = add_frame(&image, 0, 0x1000, 0, NATIVE);
		frame = add_frame(&image, frame, CODE + 16, 4, NATIVE - 1);
		frame = add_frame(&image, frame, 0x2000, 0, NATIVE + 1);
		frame = add_frame(&image, frame, 0x3000, 0, NATIVE);
		frame = add_frame(&image, frame, CODE, 8, 0);
		enter(&image, thread, frame);
		assert_int_equal(walk(&image, thread, &stack), PY_WALK_DONE);
		assert_int_equal(stack.frame_cnt, skipped ? 2 : 5);
		check_frame(&stack, 0, CODE, 8, 0);
		check_frame(&stack, skipped ? 1 : 3, CODE + 16, 4, NATIVE - 1);
		release(&image);
	}
}

/* This many frames fit; one more is too many. The interpreter's own frames do not count. */
static void test_depth(void **state)
{
	(void)state;
	for (enum version version = 0; version < VERSION_CNT; version++)
		for (uint32_t depth = PYFRAG_STACK_DEPTH_MAX - 1;
		     depth < PYFRAG_STACK_DEPTH_MAX + 2; depth++) {
			bool more = depth > PYFRAG_STACK_DEPTH_MAX;
			uint64_t thread, frame = 0;
			struct pyfrag_stack stack;
			struct image image;

			make(&image, version);
			add_interpreter(&image);
			thread = add_thread(&image, 1);
			if (version >= PYTHON_312)
				frame = add_frame(&image, 0, 0x1000, 0, NATIVE);
			for (uint32_t i = depth; i--;)
				frame = add_frame(&image, frame, CODE + i * 16UL, 2, 0);
			enter(&image, thread, frame);
			assert_int_equal(walk(&image, thread, &stack),
					 more ? PY_WALK_TRUNCATED : PY_WALK_DONE);
			assert_int_equal(stack.frame_cnt, more ? PYFRAG_STACK_DEPTH_MAX : depth);
			for (uint32_t i = 0; i < stack.frame_cnt; i++)
				check_frame(&stack, i, CODE + i * 16UL, 2, 0);
			release(&image);
		}
}

static void test_frames_in_a_circle(void **state)
{
	struct pyfrag_stack stack;
	struct image image;
	uint64_t thread, first, frame;

	(void)state;
	make(&image, PYTHON_312);
	add_interpreter(&image);
	thread = add_thread(&image, 1);
	first = add_frame(&image, 0, CODE, 2, 0);
	frame = add_frame(&image, first, CODE + 16, 2, 0);
	set(&image, first + image.walk.offsets.frame_previous, frame);
	enter(&image, thread, frame);
	assert_int_equal(walk(&image, thread, &stack), PY_WALK_TRUNCATED);
	assert_int_equal(stack.frame_cnt, PYFRAG_STACK_DEPTH_MAX);
	/* Frames that are never kept. */
	frame = add_frame(&image, 0, 0x1000, 0, NATIVE);
	set(&image, frame + image.walk.offsets.frame_previous, frame);
	enter(&image, thread, frame);
	assert_int_equal(walk(&image, thread, &stack), PY_WALK_TRUNCATED);
	assert_int_equal(stack.frame_cnt, 0);
	release(&image);
}

static void test_unreadable_frames(void **state)
{
	(void)state;
	for (enum version version = 0; version < VERSION_CNT; version++) {
		uint64_t thread, frames[3], from;
		struct pyfrag_stack stack;
		struct image image;

		make(&image, version);
		add_interpreter(&image);
		thread = add_thread(&image, 1);
		for (int i = 2; i >= 0; i--)
			frames[i] = add_frame(&image, i < 2 ? frames[i + 1] : 0, CODE, 2, 0);
		from = enter(&image, thread, frames[0]);
		/* A part of the outermost frame. Memory past its last member is not read. */
		for (uint64_t at = 0; at < 0x100; at += 8) {
			const struct py_offsets *offsets = &image.walk.offsets;
			bool needed = at <= offsets->frame_previous || at <= offsets->frame_code ||
				      at <= offsets->frame_instr ||
				      (offsets->frame_owner != PY_NO_OFFSET &&
				       at <= offsets->frame_owner);
			uint64_t frame = add_frame(&image, 0, CODE, 2, 0);

			set(&image, frames[2] + offsets->frame_previous, frame);
			fake_memory__punch_hole(&image.memory, frame + at, 8);
			assert_int_equal(walk(&image, thread, &stack),
					 needed ? PY_WALK_UNREADABLE : PY_WALK_DONE);
		}
		set(&image, frames[2] + image.walk.offsets.frame_previous, 0);
		assert_int_equal(walk(&image, thread, &stack), PY_WALK_DONE);
		fake_memory__unmap(&image.memory, frames[1]);
		assert_int_equal(walk(&image, thread, &stack), PY_WALK_UNREADABLE);
		/* The same for the cframe and the thread. */
		fake_memory__unmap(&image.memory, from);
		assert_int_equal(walk(&image, thread, &stack), PY_WALK_UNREADABLE);
		if (from != thread)
			fake_memory__unmap(&image.memory, thread);
		assert_int_equal(walk(&image, thread, &stack), PY_WALK_UNREADABLE);
		release(&image);
	}
}

static void test_find_thread(void **state)
{
	(void)state;
	for (enum version version = 0; version < VERSION_CNT; version++) {
		uint64_t threads[3][4];
		struct image image;

		make(&image, version);
		assert_int_equal(find_thread(&image, 100), 0);
		for (size_t i = 0; i < 3; i++) {
			add_interpreter(&image);
			/* The second has none (yet). */
			for (size_t t = 0; t < 4 && i != 1; t++)
				threads[i][t] = add_thread(&image, 100 + i * 10 + t);
		}
		for (size_t i = 0; i < 3; i += 2)
			for (size_t t = 0; t < 4; t++)
				assert_int_equal(find_thread(&image, 100 + i * 10 + t),
						 threads[i][t]);
		assert_int_equal(find_thread(&image, 110), 0);
		assert_int_equal(find_thread(&image, 99), 0);
		/* A thread that disappears meanwhile ends the list of its interpreter only. */
		fake_memory__unmap(&image.memory, threads[0][1]);
		assert_int_equal(find_thread(&image, 102), 0);
		assert_int_equal(find_thread(&image, 123), threads[2][3]);
		fake_memory__unmap(&image.memory, HEAD);
		assert_int_equal(find_thread(&image, 100), 0);
		release(&image);
	}
}

/* A thread has been in two interpreters and has a state in each; it runs in one of them. */
static void test_thread_with_two_states(void **state)
{
	(void)state;
	for (enum version version = PYTHON_312; version < VERSION_CNT; version++) {
		uint64_t first, second;
		struct image image;

		make(&image, version);
		add_interpreter(&image);
		first = add_thread(&image, 7);
		add_interpreter(&image);
		second = add_thread(&image, 7);
		set_status(&image, first, PY_THREAD_INITIALIZED);
		assert_int_equal(find_thread(&image, 7), second);
		set_status(&image, first, PY_THREAD_INITIALIZED | PY_THREAD_ACTIVE);
		set_status(&image, second, PY_THREAD_INITIALIZED);
		assert_int_equal(find_thread(&image, 7), first);
		set_status(&image, first, 0);
		assert_int_equal(find_thread(&image, 7), 0);
		release(&image);
	}
}

static void test_threads_in_a_circle(void **state)
{
	struct image image;
	uint64_t interpreter, thread;

	(void)state;
	make(&image, PYTHON_312);
	interpreter = add_interpreter(&image);
	thread = add_thread(&image, 7);
	set(&image, thread + image.walk.offsets.thread_next, thread);
	assert_int_equal(find_thread(&image, 8), 0);
	assert_int_equal(find_thread(&image, 7), thread);
	set(&image, thread + image.walk.offsets.thread_next, 0);
	set(&image, interpreter + image.walk.offsets.interpreter_next, interpreter);
	assert_int_equal(find_thread(&image, 8), 0);
	assert_int_equal(find_thread(&image, 7), thread);
	release(&image);
}

/* At most this many threads are examined. */
static void test_many_threads(void **state)
{
	struct image image;
	uint64_t last = 0;

	(void)state;
	make(&image, PYTHON_27);
	add_interpreter(&image);
	for (uint64_t i = 1; i <= PY_WALK_THREADS_MAX; i++)
		last = add_thread(&image, i);
	add_thread(&image, PY_WALK_THREADS_MAX + 1);
	assert_int_equal(find_thread(&image, PY_WALK_THREADS_MAX), last);
	assert_int_equal(find_thread(&image, PY_WALK_THREADS_MAX + 1), 0);
	release(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_no_frames),
		cmocka_unit_test(test_native_frames),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_frames_in_a_circle),
		cmocka_unit_test(test_unreadable_frames),
		cmocka_unit_test(test_find_thread),
		cmocka_unit_test(test_thread_with_two_states),
		cmocka_unit_test(test_threads_in_a_circle),
		cmocka_unit_test(test_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
