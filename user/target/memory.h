/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading an address space that is not ours, in bulk. Everything above this header sees only this
 * interface: the live process is one source, a recorded image (tests, fuzzing) is another.
 *
 * A read is never atomic: the target runs while it is copied. Who needs consistency checks for it.
 *
 * An address may be a number that the target chose, plus an offset, and so wrap around: what is
 * read then is some other memory of the same target, or nothing. That does no harm, and is not
 * checked. But what indexes or sizes memory of ours, or says how far a loop goes, is computed by
 * util/checked.h, or compared with its bound right where it is used.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/page_tables.h"
#include "util/account.h"

struct memory_range {
	uint64_t address; /* in the target */
	void *buffer;	  /* ours, @size bytes; its content is undefined where @failed is set */
	size_t size;
	bool failed; /* out: not all bytes were readable */
};

struct memory {
	/*
	 * Fills the ranges, marking those that could not be read. Returns 0, or negative errno when
	 * nothing can be read at all: -ESRCH the process is gone, -EPERM not allowed, -ETIME the
	 * thread's allowance of CPU time is used up (util/cpu_allowance.h).
	 */
	int (*read_ranges)(const struct memory *memory, struct memory_range *ranges, size_t cnt);
	/*
	 * Where what is made from this memory takes ours, if its size or number comes from there.
	 * Not owned; NULL: there is no limit.
	 */
	struct account *account;
};

/*
 * Reads many ranges with as few system calls as possible. Returns as read_ranges() does; -ETIME,
 * whatever kind of memory it is.
 */
int memory__read_ranges(const struct memory *memory, struct memory_range *ranges, size_t cnt);

/* Reads one range. Returns 0, -EFAULT if not all of it is readable, or as read_ranges() does. */
int memory__read(const struct memory *memory, uint64_t address, void *buffer, size_t size);

/* The memory of a live process, by process_vm_readv(2). */
struct live_memory {
	struct memory memory;
	pid_t pid;
	pid_t thread; /* through which it was last reached: memory_thread.h */
	struct page_tables tables;
};

void live_memory__init(struct live_memory *memory, pid_t pid);
void live_memory__release(struct live_memory *memory);

/*
 * Whether @err says that something cannot be had, but that it is no failure of ours: it is not
 * readable, or makes no sense, as happens with what a running process has under way.
 */
static inline bool memory__is_missing(int err)
{
	return err == -EFAULT || err == -EINVAL || err == -E2BIG;
}
