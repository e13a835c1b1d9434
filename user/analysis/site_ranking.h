/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation sites for a report: those that rank highest by each of several values, and those of
 * the listed blocks.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"
#include "heap/pinned.h"
#include "stacks/site_ledger.h"
#include "stacks/stack_table.h"

/* How many sites a report shows by each value. */
#define SITES_REPORTED_MAX 100

struct ranked_site {
	uint32_t id; /* the stack's index: the same in all reports of a trace */
	struct site_totals totals;
	struct stack stack; /* its frames belong to the ranking */
};

struct site_ranking {
	uint64_t sample_bytes;	   /* 0: every allocation was sampled */
	bool keeps_blocks;	   /* false: only the sites of pools and arenas are known */
	struct ranked_site *items; /* most hostage bytes first */
	size_t cnt, omitted_cnt;
	/*
	 * What is not accounted for by a known stack: all there is, less what known stacks account
	 * for.
	 */
	struct site_totals unknown;
	/*
	 * For each block listed in the pinned arenas: its site, and that of its pool; or
	 * STACK_UNKNOWN.
	 */
	uint32_t *block_sites, *pool_sites;
};

/*
 * Collects the sites of @heap to be reported, at most @max by each value. Returns 0, -EDQUOT or
 * -ENOMEM. The caller frees *out.
 */
int site_ranking__collect(struct site_ranking *out, const struct site_ledger *ledger,
			  const struct stack_table *stacks, size_t max, const struct heap *heap,
			  const struct heap_measure *measure, const struct pinned *pinned);
void site_ranking__free(struct site_ranking *sites);

/* Compare sites for qsort(): negative if @left ranks before @right. */
int ranked_site__compare_hostage(const void *left, const void *right);
int ranked_site__compare_live(const void *left, const void *right);
int ranked_site__compare_growth(const void *left, const void *right);
