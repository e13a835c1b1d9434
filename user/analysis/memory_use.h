/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the memory of a process is used for: arenas, malloc's heaps, files, stacks, and the rest.
 *
 * Mappings of files and of the kernel say what they are. All others are divided by the ranges of
 * memory_parts.h, which come from all who know where their memory is: pymalloc, malloc, glibc's
 * lists of stacks, the ELF headers of modules. Of what remains, a stack is where the stack pointer
 * of a waiting thread is, or, with another libc than glibc, what is right above a page that is not
 * accessible.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/memory_files.h"
#include "analysis/memory_owners.h"
#include "analysis/memory_parts.h"
#include "target/smaps.h"
#include "target/target.h"
#include "util/counters.h"
#include "util/failure.h"

struct memory_use {
	bool is_known; /* false until it is found */
	struct smaps smaps;
	struct memory_region *regions; /* sorted by address */
	size_t region_cnt, region_capacity;
	struct memory_owners
		owners; /* a region of MEMORY_STACKS has the number of a stack as owner */
	struct memory_files files;
	size_t stack_cnt; /* of those whose place is known */
	/* By smaps: resident_bytes, huge_bytes, hugetlb_bytes, swap_bytes. */
	struct smaps_usage total;
	/* Resident bytes of parts of mappings may include the zero page (live_pages.h). */
	bool resident_is_upper_bound;
	bool knows_huge; /* which memory is in huge pages; false: only how much in total */
	struct memory_share parts[MEMORY_PART_CNT], all;
	/* Resident bytes of each part by state; the sum over the states is that of the part. */
	uint64_t states[MEMORY_PART_CNT][MEMORY_STATE_CNT];
};

/*
 * Divides the memory of a process. Returns 0, -EDQUOT, -ENOMEM, as memory__read(), or negative
 * errno if the mappings cannot be read. The caller releases *out.
 */
int memory_use__find(struct memory_use *out, const struct memory_use_of *of);

/*
 * The same for a report, which omits the memory use if the mappings cannot be read: then returns 0,
 * and *out is not known. Adds to @counters. Errors, each described in @failure: -EDQUOT, -ENOMEM.
 */
int memory_use__find_for_report(struct memory_use *out, const struct memory_use_of *of,
				struct counters *counters, struct failure *failure);
void memory_use__release(struct memory_use *use);

/* @use, or NULL if it is not known. */
static inline const struct memory_use *memory_use__if_known(const struct memory_use *use)
{
	return use->is_known ? use : NULL;
}

/* The unexplained region with the most resident bytes; NULL: there is none. */
const struct memory_region *memory_use__largest_unexplained(const struct memory_use *use);

/* The region that contains @address; NULL if there is none. */
const struct memory_region *memory_use__region_at(const struct memory_use *use, uint64_t address);
