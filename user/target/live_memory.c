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

/* Fills the vectors with as many of the @cnt @ranges as fit into one call. Returns how many. */
static size_t fill_iovecs(const struct memory_range *ranges, size_t cnt, struct iovec *local,
			  struct iovec *remote)
{
	size_t used = 0, bytes = 0;

	while (used < cnt && used < IOV_MAX) {
		const struct memory_range *range = &ranges[used];

		if (used && bytes + range->size > CALL_BYTES_MAX)
			break;
		local[used] = (struct iovec){.iov_base = range->buffer, .iov_len = range->size};
		remote[used] = (struct iovec){.iov_base = (void *)(uintptr_t)range->address,
					      .iov_len = range->size};
		bytes += range->size;
		used++;
	}
	return used;
}

/*
 * As process_vm_readv(), through a thread that has the memory. Returns the number of bytes read or
 * negative errno; -EAGAIN: every thread that was tried has ended.
 */
static ssize_t read_through_thread(struct live_memory *live, const struct iovec *local,
				   const struct iovec *remote, size_t cnt)
{
	for (int i = 0; i < MEMORY_THREADS_TRIED_MAX; i++) {
		pid_t thread = live->thread;
		ssize_t copied = process_vm_readv(thread, local, cnt, remote, cnt, 0);

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

static int read_ranges(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	struct live_memory *live = (struct live_memory *)(uintptr_t)memory;
	struct iovec local[IOV_MAX], remote[IOV_MAX];
	size_t done = 0, most = IOV_MAX;
	int err = 0;

	while (done < cnt && !(err = cpu_allowance__check())) {
		size_t left = cnt - done,
		       used = fill_iovecs(ranges + done, left < most ? left : most, local, remote);
		ssize_t copied;

		err = page_tables__note(&live->tables, live->pid, memory->account, ranges + done,
					&used);
		if (err)
			return err;
		copied = read_through_thread(live, local, remote, used);
		if (copied < 0 && copied != -EFAULT)
			return (int)copied;
		/*
		 * Where much is unreadable, pass few ranges to the kernel: it stops at the first.
		 */
		most = copied < 0 ? RANGES_MIN : most * 2 < IOV_MAX ? most * 2 : IOV_MAX;
		for (size_t i = 0; i < used; i++) {
			struct memory_range *range = &ranges[done];

			done++;
			range->failed = copied < (ssize_t)range->size;
			if (range->failed)
				break;
			copied -= (ssize_t)range->size;
		}
	}
	return err;
}

static int find_touched(const struct memory *memory, uint64_t start, uint64_t end,
			memory_run_fn *take, void *context)
{
	const struct live_memory *live = (const struct live_memory *)memory;

	return live_pages__find_touched(live->pid, start, end, take, context);
}

void live_memory__init(struct live_memory *memory, pid_t pid)
{
	*memory = (struct live_memory){
		.memory = {.read_ranges = read_ranges, .find_touched = find_touched},
		.pid = pid,
		.thread = pid,
	};
}

void live_memory__release(struct live_memory *memory)
{
	page_tables__release(&memory->tables);
}
