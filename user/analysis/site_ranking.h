/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation sites for a report: the stacks that have most to answer for, by each of the ways to
 * count that, and those of the blocks that are listed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"
#include "heap/pinned.h"
#include "stacks/site_ledger.h"
#include "stacks/stack_table.h"

/* What a report shows of them, by each count. */
#define SITES_REPORTED_MAX 100

struct ranked_site {
	uint32_t id; /* the stack's index: the same in all reports of a trace */
	struct site_totals totals;
	struct stack stack; /* its frames are owned by the sites */
};

struct site_ranking {
	uint64_t sample_bytes;	   /* 0: every allocation was sampled */
	bool keeps_blocks;	   /* else only of pools and arenas is it known who took them */
	struct ranked_site *items; /* most hostage bytes first */
	size_t cnt, omitted_cnt;
	/* What falls to no known stack: of all there is, less what falls to known ones. */
	struct site_totals unknown;
	/*
	 * For each block listed in the pinned arenas: its site, and its pool's; or STACK_UNKNOWN.
	 */
	uint32_t *block_sites, *pool_sites;
};

/*
 * Collects what is to be reported of @heap, at most @max sites by each count. Returns 0, -EDQUOT or
 * -ENOMEM; the caller frees.
 */
int site_ranking__collect(struct site_ranking *out, const struct site_ledger *ledger,
			  const struct stack_table *stacks, size_t max, const struct heap *heap,
			  const struct heap_measure *measure, const struct pinned *pinned);
void site_ranking__free(struct site_ranking *sites);

/* Orders sites, as qsort() wants it: negative if @left has more to answer for. */
int ranked_site__compare_hostage(const void *left, const void *right);
int ranked_site__compare_live(const void *left, const void *right);
int ranked_site__compare_growth(const void *left, const void *right);
