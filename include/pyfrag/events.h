/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The events that BPF programs send to user space, and how user space describes a probe site to
 * them. All records of the ring buffer are listed in records.h.
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

/* The type of a record, which is its first byte. */
enum pyfrag_event_type {
	/* Events of the heap: struct pyfrag_event. Each line says what `address` is. */
	EVENT_ALLOC = 1,      /* the block; size_class is set if the event is sampled */
	EVENT_FREE,	      /* the block */
	EVENT_NEW_POOL,	      /* the pool's first block, which is allocated; size_class is set */
	EVENT_POOL_FREED,     /* the pool; no block of it is live any more */
	EVENT_ARENA_MAP,      /* the arena */
	EVENT_ARENA_UNMAP,    /* the arena, just before it is unmapped */
	EVENT_FREELIST_CLEAR, /* 0 */

	/* What else happens to the target: struct pyfrag_notice. */
	EVENT_EXEC,    /* the target runs another program from here on */
	EVENT_FORK,    /* the target has forked a child process */
	EVENT_OVERRUN, /* hits have cost more than allowed: they are ignored from here on */

	EVENT_STACK, /* a Python stack: struct pyfrag_stack (stacks.h) */
};

/* In the order in which the changes happened. */
struct pyfrag_event {
	__u8 type;
	__u8 size_class;
	__u8 flags;	  /* PYFRAG_EVENT_... */
	__u8 sample_step; /* of a sampled event: the step in force then (struct pyfrag_stacks) */
	__u32 tgid;	  /* the target, in the pid namespace that it was given in */
	__u64 address;
};

/* The record is a struct pyfrag_stacked_event. */
#define PYFRAG_EVENT_HAS_STACK 1
/* An allocation that was picked at random, and stands for others (sampling.h). */
#define PYFRAG_EVENT_SAMPLED 2

struct pyfrag_stacked_event {
	struct pyfrag_event event;
	__u64 stack; /* its number; 0: the stack could not be recorded */
};

struct pyfrag_notice {
	__u8 type;
	__u8 padding[3];
	__u32 tgid; /* the target, as above; EVENT_FORK: the child, in the initial pid namespace */
};

/* There can be millions of these a second: an event that grows fills the ring buffer faster. */
_Static_assert(sizeof(struct pyfrag_event) == 16, "an event is 16 bytes");
_Static_assert(sizeof(struct pyfrag_stacked_event) == 24, "an event with a stack is 24 bytes");
_Static_assert(sizeof(struct pyfrag_notice) == 8, "a notice is 8 bytes");

/* The kinds of hits with an allowance of their own. Arena events are always recorded. */
enum pyfrag_allowance {
	ALLOW_BLOCKS, /* EVENT_ALLOC, EVENT_FREE */
	ALLOW_GROWTH, /* EVENT_NEW_POOL, EVENT_POOL_FREED */
	ALLOW_CNT,
};

/*
 * What is probed at a site, and where its operands are: the attach cookie, or the value of
 * `site_by_address` on kernels without cookies. Operands are general registers, by the number the
 * architecture gives them in instruction encodings (x86-64: 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp,
 * ...).
 */
struct pyfrag_site {
	__u8 type; /* enum pyfrag_event_type; with PYFRAG_SITE_STEPPED set, not emulated */
	/*
	 * The block; of EVENT_NEW_POOL and EVENT_POOL_FREED the pool; the arena: a register +
	 * displacement, or, with PYFRAG_OPERAND_IN_MEMORY set, the 8 bytes at that address.
	 */
	__u8 operand;
	/*
	 * EVENT_NEW_POOL only: the two operands of the comparison, 32 bits each. One is the wanted
	 * size class, the other the class that the pool had before; if only the former is known,
	 * both are the former.
	 * A register, or, with PYFRAG_OPERAND_IN_MEMORY set, memory at register +
	 * compared_displacement.
	 */
	__u8 compared[2];
	__s16 displacement;
	__s16 compared_displacement;
};

#define PYFRAG_SITE_STEPPED	 0x80
#define PYFRAG_OPERAND_IN_MEMORY 0x80
#define PYFRAG_NO_REGISTER	 0xff
