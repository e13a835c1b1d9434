/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a target, read in bulk. Everything above this header sees only this interface: a
 * running process is one source (live_memory.h), a recording (tests, fuzzing) is another.
 *
 * A read is not atomic: the target may run while its memory is copied. Callers must check what they
 * read for consistency.
 *
 * An address may be the sum of a number that the target chose and an offset, and so may wrap
 * around. The read then returns other memory of the same target, or fails; neither does harm, so
 * this is not checked. But a number from the target that indexes or sizes memory of ours, or bounds
 * a loop, is computed by util/checked.h, or compared with its bound right where it is used.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/account.h"

struct memory_range {
	uint64_t address; /* in the target */
	void *buffer;	  /* ours, @size bytes; its content is undefined if @failed is set */
	size_t size;
	bool failed; /* out: not all bytes were readable */
	/*
	 * out, with @failed: a page of it is swapped out, and was left there (reads_swapped).
	 */
	bool is_swapped;
};

/*
 * Receives a run of pages from @start to @end. Returns 0 to continue, or a result that ends the
 * visit.
 */
typedef int memory_run_fn(uint64_t start, uint64_t end, void *context);

struct memory {
	/*
	 * Fills the ranges, and marks those that could not be read. Returns 0, or negative errno if
	 * nothing can be read at all: -ESRCH the process is gone, -EPERM not permitted, -ETIME the
	 * thread's allowance of CPU time is used up (util/cpu_allowance.h).
	 */
	int (*read_ranges)(const struct memory *memory, struct memory_range *ranges, size_t cnt);
	/*
	 * See memory__leaves(), memory__left_bytes(), memory__has_left() and
	 * memory__forget_left(). NULL: the source has no swap.
	 */
	bool (*leaves)(const struct memory *memory, uint64_t address);
	uint64_t (*left_bytes)(const struct memory *memory);
	bool (*has_left)(const struct memory *memory);
	void (*forget_left)(const struct memory *memory);
	/*
	 * Whether to read pages that are swapped out. Doing so brings them back into RAM, charged
	 * to the target's control group, which can be at its limit.
	 */
	bool reads_swapped;
	/* See memory__find_touched(). NULL: the source does not know. */
	int (*find_touched)(const struct memory *memory, uint64_t start, uint64_t end,
			    memory_run_fn *take, void *context);
	/*
	 * Charged for memory of ours whose size the target determines. Not owned; NULL: no limit.
	 */
	struct account *account;
};

/*
 * Reads many ranges with as few system calls as possible. Returns as read_ranges() does; -ETIME for
 * every source.
 */
int memory__read_ranges(const struct memory *memory, struct memory_range *ranges, size_t cnt);

/* Reads one range. Returns 0, -EFAULT if not all of it is readable, or as read_ranges() does. */
int memory__read(const struct memory *memory, uint64_t address, void *buffer, size_t size);

/* Whether the byte at @address cannot be read because its page is swapped out, and is left so. */
bool memory__leaves(const struct memory *memory, uint64_t address);

/*
 * The size of the pages that were to be read and were left swapped out, each counted once, since
 * the memory was opened or memory__forget_left() was called.
 */
uint64_t memory__left_bytes(const struct memory *memory);

/* Whether there were any, or memory__find_touched() has left out some. */
bool memory__has_left(const struct memory *memory);

/* Begins to count anew. */
void memory__forget_left(const struct memory *memory);

/*
 * Calls @take for each run of pages with a byte from @start to @end that the target has touched:
 * they are in RAM or, if such pages are read (reads_swapped), swapped out. All others read as
 * zero. Returns 0, -ENODATA: the source does not know, -ETIME, another negative errno, or a nonzero
 * result of @take, which ends the visit.
 */
int memory__find_touched(const struct memory *memory, uint64_t start, uint64_t end,
			 memory_run_fn *take, void *context);

/*
 * Whether @err means that the data is unusable although reading works: it is unreadable or
 * malformed, as happens to data that a running process is changing.
 */
static inline bool memory__is_missing(int err)
{
	return err == -EFAULT || err == -EINVAL || err == -E2BIG;
}
