/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages of a running process: /proc/PID/pagemap has a word per page, with bit 63 set if the
 * page is in RAM (Documentation/admin-guide/mm/pagemap.rst). As in the kernel's resident set size,
 * the zero page does not count, if it can be told apart: see live_pages__knows_zero_page().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#include "target/memory.h"
#include "target/target.h"

/*
 * The request to pagemap, if the kernel knows it: PAGEMAP_SCAN of linux/fs.h, Linux 6.7, with an
 * argument of twelve words.
 */
#define LIVE_PAGES_IOCTL _IOWR('f', 16, uint64_t[12])

/*
 * As target__measure_resident(), for process @pid. Returns 0 or negative errno: -EACCES if that is
 * not permitted.
 */
int live_pages__measure(pid_t pid, struct resident_range *ranges, size_t cnt);

/*
 * As target__residency_is_exact(), for process @pid. The kernel says which pages are the zero page
 * since Linux 6.7. Before, their frame number does, which takes CAP_SYS_ADMIN.
 */
int live_pages__knows_zero_page(pid_t pid);

/* As target__measure_shared(), for process @pid: bit 56 of the word in pagemap is not set. */
int live_pages__measure_shared(pid_t pid, struct resident_range *ranges, size_t cnt);

/* As target__measure_swapped(), for process @pid. */
int live_pages__measure_swapped(pid_t pid, struct resident_range *ranges, size_t cnt);

/* As target__measure_huge(), for process @pid: -ENODATA before Linux 6.7. */
int live_pages__measure_huge(pid_t pid, struct resident_range *ranges, size_t cnt);

/*
 * Passes each run of pages from @start to @end that are swapped out to @take, as
 * memory__find_touched(). Pages of shared memory are not among them.
 */
int live_pages__find_swapped(pid_t pid, uint64_t start, uint64_t end, memory_run_fn *take,
			     void *context);

/*
 * Whether any page of the process is swapped out, as above: 1 or 0; -ENODATA: this kernel does not
 * search for that itself; or another negative errno.
 */
int live_pages__has_swapped(pid_t pid);

/*
 * Passes each run of pages from @start to @end that are in RAM to @take, or also those that are
 * swapped out, as memory__find_touched().
 */
int live_pages__find_resident(pid_t pid, uint64_t start, uint64_t end, memory_run_fn *take,
			      void *context);
int live_pages__find_touched(pid_t pid, uint64_t start, uint64_t end, memory_run_fn *take,
			     void *context);
