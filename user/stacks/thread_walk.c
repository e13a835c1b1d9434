// SPDX-License-Identifier: BSD-2-Clause
#include "stacks/thread_walk.h"

#include <errno.h>
#include <string.h>

#include "pyfrag/py_walk.h"
#include "stacks/code_object.h"
#include "util/cleanup.h"
#include "util/sleep.h"

/* Attempts, and ns between them, before the layout counts as wrong. */
#define TRIES	 20
#define RETRY_NS 5000000

/* A stack, and room to copy a frame to. */
struct scratch {
	struct pyfrag_stack stack;
	__u64 words[PY_FRAME_WORDS];
};

/* What the walker reads from. */
struct walk_memory {
	const struct memory *memory;
	int *err; /* the error after which nothing more is read; 0: none yet */
};

/* Unreadable addresses are normal while the target runs, but other errors are kept. */
static bool read_memory(const void *memory, void *to, __u32 size, __u64 address)
{
	const struct walk_memory *from = memory;
	int err = *from->err ? *from->err : memory__read(from->memory, address, to, size);

	if (err && err != -EFAULT)
		*from->err = err;
	return !err;
}

static void add_frame(struct pyfrag_stack *stack, __u64 code, __s32 instr, __u32 owner)
{
	stack->frames[stack->frame_cnt++] =
		(struct pyfrag_frame){.code = code, .instr = instr, .owner = owner};
}

static __u64 *frame_words(struct pyfrag_stack *stack)
{
	return ((struct scratch *)stack)->words;
}

/*
 * Returns 0 if all frames of the stack have code, -EBADMSG if not, or negative errno from reading.
 */
static int check_stack(const struct py_walk *walk, const struct py_walker *walker,
		       const struct pyfrag_stack *stack)
{
	const struct walk_memory *from = walker->memory;

	for (uint32_t i = 0; i < stack->frame_cnt; i++) {
		_cleanup_(code_object__freep) struct code_object *code = NULL;
		int err = code_object__read(&code, from->memory, &walk->offsets,
					    stack->frames[i].code);

		if (memory__is_missing(err) || err == -ESTALE)
			return -EBADMSG;
		if (err)
			return err;
	}
	return 0;
}

static int check_thread(const struct py_walk *walk, const struct py_walker *walker, uint64_t thread)
{
	struct scratch scratch = {};

	if (py_walk__frames(walk, walker, thread, &scratch.stack) == PY_WALK_UNREADABLE)
		return -EBADMSG;
	return check_stack(walk, walker, &scratch.stack);
}

/*
 * Whether the field that identifies the running thread state is plausible. Mostly no thread runs,
 * so more cannot be checked.
 */
static bool is_current_plausible(const struct py_walk *walk, const struct py_walker *walker,
				 uint64_t first_thread)
{
	uint64_t current;
	__u32 status;

	if (walk->offsets.thread_status != PY_NO_OFFSET)
		return py_walk__read(walker, &status, sizeof(status),
				     first_thread + walk->offsets.thread_status) &&
		       status & PY_THREAD_INITIALIZED;
	if (!py_walk__read(walker, &current, sizeof(current), walk->current_thread))
		return false;
	return !current ||
	       py_walk__find_thread(walk, walker,
				    py_walk__word(walker, current + walk->offsets.thread_id));
}

/* The first thread of any interpreter, as an interpreter may have none. */
static uint64_t find_first_thread(const struct py_walk *walk, const struct py_walker *walker)
{
	uint64_t interpreter = py_walk__word(walker, walk->interpreters_head), thread = 0;

	for (int i = 0; i < PY_WALK_THREADS_MAX && interpreter && !thread; i++) {
		thread =
			py_walk__word(walker, interpreter + walk->offsets.interpreter_threads_head);
		interpreter = py_walk__word(walker, interpreter + walk->offsets.interpreter_next);
	}
	return thread;
}

static int check_first_thread(const struct py_walk *walk, const struct py_walker *walker)
{
	uint64_t thread = find_first_thread(walk, walker);

	if (!thread || !py_walk__word(walker, thread + walk->offsets.thread_id) ||
	    !is_current_plausible(walk, walker, thread))
		return -EBADMSG;
	return check_thread(walk, walker, thread);
}

int thread_walk__check(const struct py_walk *walk, const struct memory *memory,
		       struct failure *failure)
{
	int read_err = 0, err = -EBADMSG;
	const struct walk_memory from = {.memory = memory, .err = &read_err};
	const struct py_walker walker = {
		.read = read_memory,
		.add_frame = add_frame,
		.frame_words = frame_words,
		.memory = &from,
	};

	for (int try = 0; try < TRIES && err == -EBADMSG; try++) {
		if (try)
			sleep_ns(RETRY_NS);
		err = check_first_thread(walk, &walker);
		if (read_err)
			err = read_err;
	}
	if (!err)
		return 0;
	if (err == -EBADMSG)
		return failure__set(failure, err,
				    "the frames of this Python do not match the layout known for "
				    "its version");
	return failure__set(failure, err, "cannot walk the stacks of its threads: %s",
			    strerror(-err));
}
