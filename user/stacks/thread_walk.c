// SPDX-License-Identifier: BSD-2-Clause
#include "stacks/thread_walk.h"

#include <errno.h>
#include <string.h>

#include "stacks/code_object.h"
#include "util/cleanup.h"
#include "util/sleep.h"

/* How often, ns apart, before it is taken for wrong. */
#define TRIES	 20
#define RETRY_NS 5000000

/* What py_read() reads; the walk's text has no place for it. */
static __thread const struct memory *walked;

static bool py_read(void *to, __u32 size, __u64 address)
{
	return !memory__read(walked, address, to, size);
}

static void py_add_frame(struct pyfrag_stack *stack, __u64 code, __s32 instr, __u32 owner)
{
	stack->frames[stack->event.reserved++] =
		(struct pyfrag_frame){.code = code, .instr = instr, .owner = owner};
}

#include "pyfrag/py_walk.h"

/* 0 if all frames of the stack have code, -EBADMSG if not, or negative errno of reading. */
static int check_stack(const struct py_walk *walk, const struct pyfrag_stack *stack)
{
	for (uint32_t i = 0; i < stack->event.reserved; i++) {
		_cleanup_(code_object__freep) struct code_object *code = NULL;
		int err = code_object__read(&code, walked, &walk->offsets, stack->frames[i].code);

		if (err == -EINVAL || err == -EFAULT || err == -ESTALE)
			return -EBADMSG;
		if (err)
			return err;
	}
	return 0;
}

static int check_thread(const struct py_walk *walk, uint64_t thread)
{
	struct pyfrag_stack stack = {};

	if (py_walk__frames(walk, thread, &stack) == PY_WALK_UNREADABLE)
		return -EBADMSG;
	return check_stack(walk, &stack);
}

/* The first thread of the list, by its id as the program would look for it. */
static int check_first_thread(const struct py_walk *walk)
{
	uint64_t interpreter = py_walk__word(walk->interpreters_head);
	uint64_t thread = py_walk__word(interpreter + walk->offsets.interpreter_threads_head);
	uint64_t id = py_walk__word(thread + walk->offsets.thread_id);

	if (!interpreter || !thread || !id || py_walk__find_thread(walk, id) != thread)
		return -EBADMSG;
	return check_thread(walk, thread);
}

int thread_walk__check(const struct py_walk *walk, const struct memory *memory,
		       struct failure *failure)
{
	int err = 0;

	walked = memory;
	for (int try = 0; try < TRIES; try++) {
		err = check_first_thread(walk);
		if (!err || err == -ENOMEM || err == -EPERM)
			break;
		sleep_ns(RETRY_NS);
	}
	if (!err)
		return 0;
	return failure__set(failure, err, "its frames do not look as this version's should: %s",
			    strerror(-err));
}
