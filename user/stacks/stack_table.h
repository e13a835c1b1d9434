/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks that were sent, with their names: named when they are first sent, because code objects
 * die.
 *
 * A stack is known by a number made of the addresses in it. When a code object goes and another one
 * comes to its place, the same number can be another stack. So now and then all of them are looked
 * at again: one whose code is not what it was keeps its names, for the blocks that were recorded
 * with it, but its number is forgotten.
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
	/* Qualified, from 3.11 on; NULL: the code died before it could be named. */
	const char *function;
	const char *file;
	int32_t line; /* 0: none */
};

struct stack {
	const struct stack_frame *frames; /* innermost first */
	uint32_t frame_cnt;
	bool truncated; /* there are more */
};

struct stack_table_counts {
	uint64_t unnamed_frames; /* whose code was gone when they were sent */
	uint64_t retired_stacks; /* whose code is not there any more */
	uint64_t unkept_stacks;	 /* for which there was no room */
};

struct stack_table;

/*
 * A table that takes at most about @bytes_max from the account of @memory, and less where that has
 * less. Returns 0, -EDQUOT or -ENOMEM; the caller frees it.
 */
int stack_table__new(struct stack_table **out, const struct py_offsets *offsets,
		     const struct memory *memory, size_t bytes_max);
void stack_table__free(struct stack_table *table);
void stack_table__freep(struct stack_table **table);

/*
 * Names @sent and keeps it. Returns 0 (also if there was no room, here or in the account), or
 * -ENOMEM.
 */
int stack_table__add(struct stack_table *table, const struct pyfrag_stack *sent);

/* The index of the stack that was sent as @number, or STACK_UNKNOWN. */
uint32_t stack_table__find(const struct stack_table *table, uint64_t number);

/* By index; indices are given from 0 on, and stay. */
struct stack stack_table__get(const struct stack_table *table, uint32_t index);
uint32_t stack_table__cnt(const struct stack_table *table);

/*
 * Bytes of its memory that are left; 0: there is no room for another stack, unless a review makes
 * some.
 */
size_t stack_table__room_bytes(const struct stack_table *table);

/*
 * Looks whether the code of all stacks is still what it was; calls @forget with the number of each
 * of which it is not, or cannot be known for want of memory, and makes room of what it took.
 * Returns 0, or negative errno when the memory cannot be read at all.
 */
int stack_table__review(struct stack_table *table, void (*forget)(uint64_t number, void *context),
			void *context);

const struct stack_table_counts *stack_table__counts(const struct stack_table *table);

/* Of the code objects that the frames were named by. */
const struct code_cache_counts *stack_table__code_counts(const struct stack_table *table);
