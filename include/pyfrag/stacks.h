/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python stacks as BPF programs send them: each stack once in a record of its own, and from then on
 * as a number in the records of events.
 */
#pragma once

#include "pyfrag/events.h"
#include "pyfrag/py_offsets.h"

#define PYFRAG_STACK_DEPTH_MAX 127

/* FRAME_OWNED_BY_GENERATOR (3.11 on) */
#define PYFRAG_OWNER_GENERATOR 1

/* One frame: its code object and the position in it (user/stacks/code_object.h). */
struct pyfrag_frame {
	__u64 code;
	__s32 instr; /* f_lasti; if that is a pointer, its difference from `code` */
	__u32 owner; /* 0 before 3.11 */
};

/* A record of type EVENT_STACK. It ends after its last frame (pyfrag_stack__bytes()). */
struct pyfrag_stack {
	__u8 type;
	__u8 is_truncated; /* there are more frames than these */
	__u16 frame_cnt;
	__u32 tgid;   /* the target, as in struct pyfrag_event */
	__u64 number; /* a hash of the frames */
	/* Innermost first. The array size is a power of two, for masking. */
	struct pyfrag_frame frames[PYFRAG_STACK_DEPTH_MAX + 1];
};

_Static_assert(sizeof(struct pyfrag_frame) == 16, "a frame is 16 bytes");
_Static_assert(__builtin_offsetof(struct pyfrag_stack, frames) == 16, "frames follow 16 bytes");

/* The size in bytes of the record of a stack with @frame_cnt frames. */
static inline __u32 pyfrag_stack__bytes(__u32 frame_cnt)
{
	return __builtin_offsetof(struct pyfrag_stack, frames) +
	       frame_cnt * sizeof(struct pyfrag_frame);
}

/* Where a walk starts and which offsets it uses. */
struct py_walk {
	struct py_offsets offsets;
	__u64 interpreters_head; /* address of the pointer to the first PyInterpreterState */
	__u64 frame_bytes;	 /* py_offsets__frame_bytes() of the offsets */
	/* Address of the pointer to the running PyThreadState; 0 from 3.12 on. */
	__u64 current_thread;
};

/*
 * Which events are recorded with a stack, and how to find it. User space sets this when the
 * target's Python is known.
 */
struct pyfrag_stacks {
	__u32 enabled;
	__u32 alignment;    /* of blocks, in bytes; the difference between two size classes */
	__u64 pool_size;    /* in bytes */
	__u64 sample_bytes; /* mean sampling interval; 0 samples every allocation */
	/* How many times the interval was doubled; sent with each sample. At most 255. */
	__u32 sample_step;
	struct py_walk walk;
};
