/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What BPF programs tell user space, and what user space tells them of a probe site.
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

enum pyfrag_event_type {
	EVENT_ALLOC = 1,      /* address: the block; size_class, if it has a stack */
	EVENT_FREE,	      /* address: the block */
	EVENT_NEW_POOL,	      /* address: its first block, which is allocated; size_class */
	EVENT_POOL_FREED,     /* address: the pool; no block of it is live any more */
	EVENT_ARENA_MAP,      /* address: the arena */
	EVENT_ARENA_UNMAP,    /* address: the arena; just before it goes */
	EVENT_FREELIST_CLEAR, /* address: 0 */
	EVENT_EXEC,	      /* the target runs another program from here on */
	EVENT_FORK,	      /* address: the child's pid */
	EVENT_OVERRUN,	      /* hits have cost more than they may: they are ignored from here on */
	EVENT_STACK,	      /* a Python stack: see stacks.h */
};

/* 16 bytes, in the order in which things happened. */
struct pyfrag_event {
	__u8 type;
	__u8 size_class;
	__u16 reserved; /* PYFRAG_EVENT_... */
	__u32 tgid;	/* the target, as the initial pid namespace numbers it */
	__u64 address;
};

/* The record goes on: struct pyfrag_stacked_event (stacks.h). */
#define PYFRAG_EVENT_HAS_STACK 1
/* An allocation that was picked by chance, and stands for others (sampling.h). */
#define PYFRAG_EVENT_SAMPLED 2
/* Which step of the sampling distance was in force then (stacks.h): 8 bits from here on. */
#define PYFRAG_EVENT_STEP_SHIFT 8

/* Hits that may cost so much, each kind for itself; what happens to arenas is always recorded. */
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
	 * EVENT_NEW_POOL only: what is compared there, 32 bits each. One is the wanted size class,
	 * the other the class the pool had before; where only the former is at hand, both are that.
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
