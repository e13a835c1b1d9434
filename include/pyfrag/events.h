/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The events that BPF programs send to user space, and how user space describes probe sites to
 * them. records.h lists all records of the ring buffer.
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

/* The type of a record, its first byte. */
enum pyfrag_event_type {
	/* Events of the heap: struct pyfrag_event. The comments say what `address` is. */
	EVENT_ALLOC = 1,      /* the block; size_class is set if the event is sampled */
	EVENT_FREE,	      /* the block */
	EVENT_NEW_POOL,	      /* the pool's first block, which is allocated; size_class is set */
	EVENT_POOL_FREED,     /* the pool; it has no live blocks any more */
	EVENT_ARENA_MAP,      /* the arena */
	EVENT_ARENA_UNMAP,    /* the arena, just before it is unmapped */
	EVENT_FREELIST_CLEAR, /* always 0 */

	/* Other events of the target: struct pyfrag_notice. */
	EVENT_EXEC,    /* the target has executed another program */
	EVENT_FORK,    /* the target has forked a child process */
	EVENT_OVERRUN, /* hits have exceeded the budget and are ignored from now on */

	EVENT_STACK, /* a Python stack: struct pyfrag_stack (stacks.h) */
};

/* Events arrive in the order in which the changes happened. */
struct pyfrag_event {
	__u8 type;
	__u8 size_class;
	__u8 flags;	  /* PYFRAG_EVENT_... */
	__u8 sample_step; /* of a sampled event: the step at that time (struct pyfrag_stacks) */
	__u32 tgid;	  /* the target, in the pid namespace in which its pid was given */
	__u64 address;
};

/* The record is a struct pyfrag_stacked_event. */
#define PYFRAG_EVENT_HAS_STACK 1
/* The allocation was picked at random and represents others (sampling.h). */
#define PYFRAG_EVENT_SAMPLED 2

struct pyfrag_stacked_event {
	struct pyfrag_event event;
	__u64 stack; /* number of the stack; 0: not recorded */
};

struct pyfrag_notice {
	__u8 type;
	__u8 padding[3];
	__u32 tgid; /* the target, as above; EVENT_FORK: the child, in the initial pid namespace */
};

/* There can be millions of events per second: larger ones would fill the ring buffer sooner. */
_Static_assert(sizeof(struct pyfrag_event) == 16, "an event is 16 bytes");
_Static_assert(sizeof(struct pyfrag_stacked_event) == 24, "an event with a stack is 24 bytes");
_Static_assert(sizeof(struct pyfrag_notice) == 8, "a notice is 8 bytes");

/* Kinds of hits that have separate allowances. Arena events are always recorded. */
enum pyfrag_allowance {
	ALLOW_BLOCKS, /* EVENT_ALLOC, EVENT_FREE */
	ALLOW_GROWTH, /* EVENT_NEW_POOL, EVENT_POOL_FREED */
	ALLOW_CNT,
};

/*
 * What a probe site records and where its operands are. This is the attach cookie, or the value in
 * `site_by_address` on kernels without cookies. Operands are general registers, with the numbers
 * that the architecture uses in instruction encodings (x86-64: 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp,
 * ...).
 */
struct pyfrag_site {
	__u8 type; /* enum pyfrag_event_type, with PYFRAG_SITE_STEPPED set if not emulated */
	/*
	 * The address of the block; for EVENT_NEW_POOL and EVENT_POOL_FREED of the pool; for arena
	 * events of the arena. It is register + displacement or, if PYFRAG_OPERAND_IN_MEMORY is
	 * set, the 8 bytes at that address.
	 */
	__u8 operand;
	/*
	 * EVENT_NEW_POOL only: the two 32-bit operands of the comparison. One is the wanted size
	 * class, the other the previous class of the pool. If only the wanted class is known, both
	 * are the wanted class. Each is a register or, if PYFRAG_OPERAND_IN_MEMORY is set, memory
	 * at register + compared_displacement.
	 */
	__u8 compared[2];
	__s16 displacement;
	__s16 compared_displacement;
};

#define PYFRAG_SITE_STEPPED	 0x80
#define PYFRAG_OPERAND_IN_MEMORY 0x80
#define PYFRAG_NO_REGISTER	 0xff
