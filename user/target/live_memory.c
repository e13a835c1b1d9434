// SPDX-License-Identifier: BSD-2-Clause
/*
 * process_vm_readv(2) takes up to IOV_MAX ranges per call, stops at the first range it cannot read,
 * and reports that only by a short count. So after each call the count is compared with the sizes
 * of the ranges, the range at which it stopped is marked as failed, and the rest goes into the next
 * call.
 */
#include "target/live_memory.h"

#include <errno.h>
#include <limits.h>
#include <sys/uio.h>

#include "target/live_pages.h"
#include "target/memory_thread.h"
#include "util/cpu_allowance.h"

/*
 * One call transfers at most this much, or one range; the kernel's own limit is a page below 2 GiB.
 */
#define CALL_BYTES_MAX (1UL << 30)
/* How many ranges to try after one that could not be read. */
#define RANGES_MIN 8

/* What to pass to one call. */
struct vectors {
	struct iovec local[IOV_MAX], remote[IOV_MAX];
	size_t cnt;
};

/*
 * Fills the vectors with as many of the @cnt @ranges (at most IOV_MAX) as fit into one call, except
 * for those that are swapped out. Returns how many ranges these are, including the exceptions.
 */
static size_t fill_vectors(struct vectors *vectors, const struct memory_range *ranges, size_t cnt)
{
	size_t used = 0, bytes = 0;

	vectors->cnt = 0;
	while (used < cnt) {
		const struct memory_range *range = &ranges[used++];

		if (range->is_swapped)
			continue;
		if (vectors->cnt && bytes + range->size > CALL_BYTES_MAX)
			return used - 1;
		vectors->local[vectors->cnt] =
			(struct iovec){.iov_base = range->buffer, .iov_len = range->size};
		vectors->remote[vectors->cnt++] =
			(struct iovec){.iov_base = (void *)(uintptr_t)range->address,
				       .iov_len = range->size};
		bytes += range->size;
	}
	return used;
}

/*
 * As process_vm_readv(), through a thread that has the memory. Returns the number of bytes read or
 * negative errno; -EAGAIN: every thread that was tried has ended.
 */
static ssize_t read_through_thread(struct live_memory *live, const struct vectors *vectors)
{
	if (!vectors->cnt)
		return 0;
	for (int i = 0; i < MEMORY_THREADS_TRIED_MAX; i++) {
		pid_t thread = live->thread;
		ssize_t copied = process_vm_readv(thread, vectors->local, vectors->cnt,
						  vectors->remote, vectors->cnt, 0);

		if (copied < 0)
			copied = -errno;
		/* The id of a thread that has ended may already belong to another process. */
		if (copied != -ESRCH &&
		    (thread == live->pid || memory_thread__belongs(live->pid, thread)))
			return copied;
		live->thread = memory_thread__of(live->pid);
		if (live->thread == thread)
			return -ESRCH;
	}
	return -EAGAIN;
}

/* Marks the ranges that must not be read because they are swapped out. */
static int mark_swapped(struct live_memory *live, struct memory_range *ranges, size_t cnt)
{
	return live->memory.reads_swapped ? 0
					  : swapped_pages__mark(&live->swapped, live->pid,
								live->memory.account, ranges, cnt);
}

static int read_ranges(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	struct live_memory *live = (struct live_memory *)(uintptr_t)memory;
	struct vectors vectors;
	size_t done = 0, most = IOV_MAX;
	int err = mark_swapped(live, ranges, cnt);

	while (!err && done < cnt && !(err = cpu_allowance__check())) {
		size_t used = cnt - done < most ? cnt - done : most;
		ssize_t copied;

		err = page_tables__note(&live->tables, live->pid, memory->account, ranges + done,
					&used);
		if (err)
			return err;
		used = fill_vectors(&vectors, ranges + done, used);
		copied = read_through_thread(live, &vectors);
		if (copied < 0 && copied != -EFAULT)
			return (int)copied;
		/*
		 * Where much is unreadable, pass few ranges to the kernel: it stops at the first.
		 */
		most = copied < 0 ? RANGES_MIN : most * 2 < IOV_MAX ? most * 2 : IOV_MAX;
		for (size_t i = 0; i < used; i++) {
			struct memory_range *range = &ranges[done];

			done++;
			if (range->is_swapped)
				continue;
			range->failed = copied < (ssize_t)range->size;
			if (range->failed)
				break;
			copied -= (ssize_t)range->size;
		}
	}
	return err;
}

static struct swapped_pages *swapped_of(const struct memory *memory)
{
	return &((struct live_memory *)(uintptr_t)memory)->swapped;
}

static bool leaves(const struct memory *memory, uint64_t address)
{
	struct live_memory *live = (struct live_memory *)(uintptr_t)memory;
	struct memory_range range = {.address = address, .size = 1};

	return !mark_swapped(live, &range, 1) && range.is_swapped;
}

static uint64_t left_bytes(const struct memory *memory)
{
	return swapped_pages__left_bytes(swapped_of(memory));
}

static bool has_left(const struct memory *memory)
{
	return swapped_pages__has_left(swapped_of(memory));
}

static void forget_left(const struct memory *memory)
{
	swapped_pages__forget_left(swapped_of(memory));
}

static int find_touched(const struct memory *memory, uint64_t start, uint64_t end,
			memory_run_fn *take, void *context)
{
	struct live_memory *live = (struct live_memory *)(uintptr_t)memory;

	if (memory->reads_swapped)
		return live_pages__find_touched(live->pid, start, end, take, context);
	swapped_pages__pass_over(&live->swapped, live->pid, memory->account, start, end);
	return live_pages__find_resident(live->pid, start, end, take, context);
}

void live_memory__init(struct live_memory *memory, pid_t pid)
{
	*memory = (struct live_memory){
		.memory = {.read_ranges = read_ranges,
			   .find_touched = find_touched,
			   .leaves = leaves,
			   .left_bytes = left_bytes,
			   .has_left = has_left,
			   .forget_left = forget_left},
		.pid = pid,
		.thread = pid,
	};
}

void live_memory__release(struct live_memory *memory)
{
	page_tables__release(&memory->tables);
	swapped_pages__release(&memory->swapped);
}
