/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaves the pages of a running process that are swapped out where they are.
 *
 * Reading such a page brings it back into RAM, as any access does. The kernel charges that to the
 * control group of the process, not to the reader's; in a group that is at its limit it swaps out
 * something else, or kills a process. So what is swapped out is asked for before anything is read,
 * one region of 512 pages at a time, and a range with such a page is not read.
 *
 * A page can be swapped out after the kernel was asked, and is then brought back right away: an
 * answer is used for a few milliseconds only. Regions are not asked about while the process has no
 * page that is swapped out.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/account.h"
#include "util/hash_map.h"

struct memory_range;

/* Zero-initialized. Several threads may read a process at the same time. */
struct swapped_pages {
	pthread_mutex_t lock;
	uint64_t looked_ns; /* when the kernel was last asked whether anything is swapped out */
	bool is_any;
	uint64_t search_ns;	 /* do not search all of the process for such pages before */
	struct hash_map regions; /* of struct swapped_region, those that were read */
	uint64_t left_bytes;	 /* of pages that were to be read, each counted once */
	bool has_left;		 /* or pages were passed over */
};

/*
 * Call this before @cnt @ranges of process @pid are read: sets failed and is_swapped of those that
 * must not be read. Returns 0, -EDQUOT or -ENOMEM.
 */
int swapped_pages__mark(struct swapped_pages *pages, pid_t pid, struct account *account,
			struct memory_range *ranges, size_t cnt);

/* Call this if only the pages of process @pid from @start to @end that are in RAM are read. */
void swapped_pages__pass_over(struct swapped_pages *pages, pid_t pid, struct account *account,
			      uint64_t start, uint64_t end);

/* As memory__has_left(). */
bool swapped_pages__has_left(struct swapped_pages *pages);

/* As memory__left_bytes() and memory__forget_left(). */
uint64_t swapped_pages__left_bytes(struct swapped_pages *pages);
void swapped_pages__forget_left(struct swapped_pages *pages);

void swapped_pages__release(struct swapped_pages *pages);
