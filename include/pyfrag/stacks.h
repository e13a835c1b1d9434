/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python stacks, as BPF programs tell them: a stack once, by a record of its own, and from then on
 * by its number in the records of events.
 */
#pragma once

#include "pyfrag/events.h"
#include "pyfrag/py_offsets.h"

#define PYFRAG_STACK_DEPTH_MAX 127

/* FRAME_OWNED_BY_GENERATOR (3.11 on) */
#define PYFRAG_OWNER_GENERATOR 1

/* One frame: what it runs, and where it is in it (user/stacks/code_object.h). */
struct pyfrag_frame {
	__u64 code;
	__s32 instr; /* f_lasti; or, where it is a pointer, that less `code` */
	__u32 owner; /* 0 before 3.11 */
};

/* An EVENT_STACK record; as long as its frames. The innermost frame is the first. */
struct pyfrag_stack {
	/* address: its number; reserved: how many frames; size_class: whether there are more */
	struct pyfrag_event event;
	struct pyfrag_frame frames[PYFRAG_STACK_DEPTH_MAX + 1]; /* a power of two, for masking */
};

/* An event with PYFRAG_EVENT_HAS_STACK. stack 0: it was wanted, and could not be recorded. */
struct pyfrag_stacked_event {
	struct pyfrag_event event;
	__u64 stack;
};

/* Where a walk begins, and what it follows. */
struct py_walk {
	struct py_offsets offsets;
	__u64 interpreters_head; /* address of the pointer to the first PyInterpreterState */
	__u64 frame_bytes;	 /* py_offsets__frame_bytes() of the offsets */
	/* Address of the pointer to the PyThreadState that runs; 0 from 3.12 on. */
	__u64 current_thread;
};

/*
 * What is to be recorded with a stack, and of which Python. User space sets it when that is known.
 */
struct pyfrag_stacks {
	__u32 enabled;
	__u32 alignment;    /* of blocks; what size classes differ by */
	__u64 pool_size;    /* bytes */
	__u64 sample_bytes; /* one allocation in so many bytes, on average; 0: each */
	__u32 sample_step; /* sent with each sample: user space knows by it what sample_bytes was */
	__u32 reserved;
	struct py_walk walk;
};
