/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk from the list of interpreters to the state of one thread, and from there down its
 * frames. BPF programs and user space share this source. What they do differently is passed as a
 * struct py_walker.
 *
 * All loops are bounded, because a list may be inconsistent or circular.
 */
#pragma once

#ifndef __bpf__
#include <stdbool.h>
#endif

#include "pyfrag/stacks.h"

/* Maximum number of threads and interpreters searched for one thread. */
#define PY_WALK_THREADS_MAX 256
/* Maximum number of frames followed: those recorded and the interpreter's own in between. */
#define PY_WALK_FRAMES_MAX (PYFRAG_STACK_DEPTH_MAX + 33)

enum py_walk_result {
	PY_WALK_DONE,
	PY_WALK_UNREADABLE,
	PY_WALK_TRUNCATED, /* there are more frames */
};

/*
 * How a walk reads memory and stores frames. BPF programs pass a constant: all functions of
 * the walk are inlined, so the compiler resolves the pointers and no indirect call is left.
 */
struct py_walker {
	/* Reads @size bytes at @address of the process. Returns false if any is unreadable. */
	bool (*read)(const void *memory, void *to, __u32 size, __u64 address);
	/* Appends a frame to @stack, which has room for it. */
	void (*add_frame)(struct pyfrag_stack *stack, __u64 code, __s32 instr, __u32 owner);
	/* A buffer of PY_FRAME_WORDS words for the copy of a frame; it belongs to @stack. */
	__u64 *(*frame_words)(struct pyfrag_stack *stack);
	const void *memory; /* for read() */
};

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

static __always_inline bool py_walk__read(const struct py_walker *walker, void *to, __u32 size,
					  __u64 address)
{
	return walker->read(walker->memory, to, size, address);
}

static __always_inline __u64 py_walk__word(const struct py_walker *walker, __u64 address)
{
	__u64 word;

	return py_walk__read(walker, &word, sizeof(word), address) ? word : 0;
}

/*
 * Whether @thread is the PyThreadState with which the thread whose pthread_self() is @id runs.
 * (From 2.7 to 3.11 this is the one that holds the GIL; a thread that allocates holds it.)
 */
static __always_inline bool py_walk__is_current(const struct py_walk *walk,
						const struct py_walker *walker, __u64 thread,
						__u64 id)
{
	__u32 status;

	if (py_walk__word(walker, thread + walk->offsets.thread_id) != id)
		return false;
	if (walk->offsets.thread_status == PY_NO_OFFSET)
		return true;
	return py_walk__read(walker, &status, sizeof(status),
			     thread + walk->offsets.thread_status) &&
	       status & PY_THREAD_ACTIVE;
}

/* The PyThreadState with which the thread whose pthread_self() is @id runs; 0 if there is none. */
static __always_inline __u64 py_walk__find_thread(const struct py_walk *walk,
						  const struct py_walker *walker, __u64 id)
{
	__u64 interpreter = py_walk__word(walker, walk->interpreters_head), thread = 0;

	for (int i = 0; i < PY_WALK_THREADS_MAX && interpreter; i++) {
		thread = thread ? py_walk__word(walker, thread + walk->offsets.thread_next)
				: py_walk__word(walker,
						interpreter +
							walk->offsets.interpreter_threads_head);
		if (!thread)
			interpreter =
				py_walk__word(walker, interpreter + walk->offsets.interpreter_next);
		else if (py_walk__is_current(walk, walker, thread, id))
			return thread;
	}
	return 0;
}

/* The word at @offset of a frame; @words is a copy of the frame. */
static __always_inline __u64 py_walk__member(const __u64 *words, __u16 offset)
{
	return words[offset / sizeof(*words) % PY_FRAME_WORDS];
}

/* The owner of a frame; 0 if the version has none. */
static __always_inline __u8 py_walk__owner(const struct py_offsets *offsets, const __u64 *words)
{
	__u32 shift = offsets->frame_owner % sizeof(*words) * 8;

	if (offsets->frame_owner == PY_NO_OFFSET)
		return 0;
	return (__u8)(py_walk__member(words, offsets->frame_owner) >> shift);
}

/* The position of a frame in its @code, as in struct pyfrag_frame. */
static __always_inline __s32 py_walk__instr(const struct py_offsets *offsets, const __u64 *words,
					    __u64 code)
{
	__u64 member = py_walk__member(words, offsets->frame_instr);

	/* An int is in the lower half of its word on all supported machines. */
	return (__s32)(offsets->instr_kind <= PY_INSTR_UNITS ? member : member - code);
}

/* Whether a frame with @owner represents Python code. */
static __always_inline bool py_walk__is_python(const struct py_offsets *offsets, __u8 owner)
{
	return offsets->frame_owner == PY_NO_OFFSET || owner < offsets->frame_owner_native;
}

/* Appends the frames of the thread whose state is at @thread to @stack, innermost first. */
static __always_inline enum py_walk_result py_walk__frames(const struct py_walk *walk,
							   const struct py_walker *walker,
							   __u64 thread, struct pyfrag_stack *stack)
{
	const struct py_offsets *offsets = &walk->offsets;
	__u64 frame, *words = walker->frame_words(stack);

	if (!py_walk__read(walker, &frame, sizeof(frame), thread + offsets->thread_frame))
		return PY_WALK_UNREADABLE;
	if (offsets->cframe_current_frame != PY_NO_OFFSET &&
	    !py_walk__read(walker, &frame, sizeof(frame), frame + offsets->cframe_current_frame))
		return PY_WALK_UNREADABLE;
	for (int i = 0; i < PY_WALK_FRAMES_MAX; i++) {
		__u64 code;
		__u8 owner;

		if (!frame)
			return PY_WALK_DONE;
		/*
		 * The mask must be applied here: older verifiers forget the bounds of a value that
		 * is spilled.
		 */
		if (!py_walk__read(walker, words,
				   walk->frame_bytes & (PY_FRAME_WORDS * sizeof(*words) - 1),
				   frame))
			return PY_WALK_UNREADABLE;
		owner = py_walk__owner(offsets, words);
		if (py_walk__is_python(offsets, owner)) {
			if (stack->frame_cnt >= PYFRAG_STACK_DEPTH_MAX)
				return PY_WALK_TRUNCATED;
			code = py_walk__member(words, offsets->frame_code) &
			       ~(__u64)offsets->frame_code_tags;
			walker->add_frame(stack, code, py_walk__instr(offsets, words, code), owner);
		}
		frame = py_walk__member(words, offsets->frame_previous);
	}
	return PY_WALK_TRUNCATED;
}
