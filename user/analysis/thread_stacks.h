/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks of threads, and which thread each is of.
 *
 * glibc keeps all stacks that it has mapped in two lists: those in use, and those of threads that
 * have ended, which it keeps for the next ones (40 MiB of them, by default). The items are the
 * threads' descriptors, struct pthread, each at the upper end of its stack, where the thread
 * pointer points: a descriptor begins with its own address, has it again as its third word, and
 * says where its stack is. The ends of the lists are static data, and are recognized by leading to
 * such a descriptor and back.
 *
 * Source: nptl/descr.h and nptl/allocatestack.c of glibc 2.31 to 2.43 (_dl_stack_used,
 * _dl_stack_cache from 2.34 on), x86-64. Where the thread pointer points behind the descriptor, as
 * on arm64, none is found. Those of another libc, and those of threads that were created without
 * one, are only known by where the stack pointer of a waiting thread is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "analysis/memory_parts.h"
#include "target/mapping.h"
#include "target/target.h"

struct thread_stack {
	uint64_t start, end;  /* addresses, end exclusive, without the guard */
	uint64_t guard_start; /* the guard, which nobody may access, ends at @start */
	pid_t thread; /* 0: it has ended; the stack is kept for another, or until it is joined */
	uint64_t thread_pointer; /* of a thread of glibc; 0: not known */
	uint64_t arena;		 /* of malloc, which it allocates from: set by arena_threads.h */
	bool has_stack_pointer;
	uint64_t stack_pointer;
	char name[THREAD_NAME_BYTES]; /* of the thread */
	struct memory_share share;    /* set by who measures it */
};

/* Zero-initialized. */
struct thread_stacks {
	struct thread_stack *items; /* first those of threads, then those without. Owned */
	size_t cnt, capacity;
	/* Threads whose stack is not known, but their stack pointer is; sorted by that. Owned. */
	size_t *placeless;
	size_t placeless_cnt;
	bool has_lists;	    /* the threads are glibc's: its lists were found */
	size_t refused_cnt; /* lists that are circular or too long */
};

/*
 * Finds the stacks of all threads of @target, which has these mappings. A thread whose stack is not
 * known has an item without a range, that is with an @end of 0. Returns 0, -EDQUOT, -ENOMEM, as
 * memory__read_ranges(), or as target__visit_threads(). The caller releases @out, also on failure.
 */
int thread_stacks__find(struct thread_stacks *out, const struct target *target,
			const struct mappings *mappings);
void thread_stacks__release(struct thread_stacks *stacks);

/* The thread without a known stack whose stack pointer is in a range; NULL: there is none. */
struct thread_stack *thread_stacks__find_pointer(const struct thread_stacks *stacks, uint64_t start,
						 uint64_t end);
