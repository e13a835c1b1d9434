/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages of a range the target has touched. Everything else there reads as zero, and reading
 * it would make the kernel add pages to the target: so the pages are asked for first. Pages that
 * are left swapped out (memory__leaves()) are not among them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"

struct touched_run {
	uint64_t start, end; /* addresses, end exclusive */
};

/* By address; neighbours are one run. Zero-initialized; owns its items. */
struct touched_runs {
	struct touched_run *items;
	size_t cnt, capacity;
	struct account *account;
};

/*
 * Adds the touched pages with a byte in [start, end), which is above all that was added before. If
 * the source does not know, all of the range counts as touched. Returns 0, -EDQUOT, -ENOMEM or as
 * memory__find_touched().
 */
int touched_runs__add(struct touched_runs *runs, const struct memory *memory, uint64_t start,
		      uint64_t end);
void touched_runs__release(struct touched_runs *runs);

/* The run that holds @address, or NULL. */
const struct touched_run *touched_runs__find(const struct touched_runs *runs, uint64_t address);
