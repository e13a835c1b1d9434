/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of a range of a process' memory is in RAM: /proc/PID/pagemap, a word a page, bit 63 set
 * if the page is present (Documentation/admin-guide/mm/pagemap.rst). As for the resident set size
 * that the kernel tells, the page of zeros does not count (unless its frame cannot be seen:
 * CAP_SYS_ADMIN).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>

/*
 * What is asked of pagemap, if the kernel knows it: PAGEMAP_SCAN of linux/fs.h, Linux 6.7; twelve
 * words.
 */
#define RESIDENT_IOCTL _IOWR('f', 16, uint64_t[12])

struct resident_range {
	uint64_t address, size;	 /* bytes */
	uint64_t resident_bytes; /* out */
};

/* Measures @cnt ranges. Returns 0 or negative errno: -EACCES without the right to look. */
int resident__measure(pid_t pid, struct resident_range *ranges, size_t cnt);

/*
 * The same, of pages that other processes have mapped, too (bit 56 of a word of pagemap is not
 * set): what a fork has not copied yet.
 */
int resident__measure_shared(pid_t pid, struct resident_range *ranges, size_t cnt);

/*
 * Calls @take for each run of pages with a byte from @start to @end that the process has touched:
 * they are in RAM or swapped out. Returns 0, negative errno, or what @take has returned, if that is
 * not 0: then it ends.
 */
typedef int resident_run_fn(uint64_t start, uint64_t end, void *context);
int resident__find_touched(pid_t pid, uint64_t start, uint64_t end, resident_run_fn *take,
			   void *context);

/*
 * Whether the process has ever touched the page at @address, so that it is in RAM or swapped out,
 * by @pagemap, which resident__open() has opened. Reading memory that was never touched makes the
 * kernel add page tables to the process, charged to whoever reads: who looks at addresses that are
 * far apart asks first. resident__open() returns a descriptor or negative errno; the caller closes
 * it. resident__is_touched() returns 0, -ETIME (cpu_allowance.h), or negative errno.
 */
int resident__open(pid_t pid);
int resident__is_touched(int pagemap, uint64_t address, bool *out);
