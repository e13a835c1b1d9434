/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks that BPF programs have sent, with names: these are read when a stack is first sent,
 * because code objects die.
 *
 * A stack is identified by a number computed from the addresses in it. When a code object is freed
 * and another one takes its place, the same number may mean another stack. So from time to time all
 * stacks are reviewed: one whose code has changed keeps its names, for the blocks that were
 * recorded with it, but its number is forgotten.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pyfrag/stacks.h"
#include "stacks/code_cache.h"
#include "target/memory.h"

#define STACK_UNKNOWN UINT32_MAX

struct stack_frame {
	/* Qualified, from 3.11 on; NULL: the code died before its name was read. */
	const char *function;
	const char *file;
	int32_t line; /* 0: none */
};

struct stack {
	const struct stack_frame *frames; /* innermost first */
	uint32_t frame_cnt;
	bool truncated; /* there are more frames */
};

struct stack_table_counts {
	uint64_t unnamed_frames; /* frames whose code was gone when they were sent */
	uint64_t retired_stacks; /* stacks whose code is gone */
	uint64_t unkept_stacks;	 /* stacks for which there was no room */
};

struct stack_table;

/*
 * Creates a table that takes at most about @bytes_max bytes from the account of @memory, or less if
 * the account has less. Returns 0, -EDQUOT or -ENOMEM; the caller frees it.
 */
int stack_table__new(struct stack_table **out, const struct py_offsets *offsets,
		     const struct memory *memory, size_t bytes_max);
void stack_table__free(struct stack_table *table);
void stack_table__freep(struct stack_table **table);

/*
 * Names @sent and keeps it. Returns 0 (also if there was no room, here or in the account), -ENOMEM,
 * or as memory__read().
 */
int stack_table__add(struct stack_table *table, const struct pyfrag_stack *sent);

/* The index of the stack that was sent as @number, or STACK_UNKNOWN. */
uint32_t stack_table__find(const struct stack_table *table, uint64_t number);

/* By index. Indices count from 0, and never change. */
struct stack stack_table__get(const struct stack_table *table, uint32_t index);
uint32_t stack_table__cnt(const struct stack_table *table);

/*
 * Bytes of its memory that are left; 0: there is no room for another stack, unless a review frees
 * some.
 */
size_t stack_table__room_bytes(const struct stack_table *table);

/*
 * Checks whether the code of all stacks is still the same. Calls @forget with the number of each
 * stack whose code has changed, or cannot be checked for lack of memory, and frees what it took.
 * Returns 0, or negative errno if the memory cannot be read at all.
 */
int stack_table__review(struct stack_table *table, void (*forget)(uint64_t number, void *context),
			void *context);

const struct stack_table_counts *stack_table__counts(const struct stack_table *table);

/* Counts of the cache of the code objects that frames are named by. */
const struct code_cache_counts *stack_table__code_counts(const struct stack_table *table);
