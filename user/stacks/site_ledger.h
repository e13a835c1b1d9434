/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who allocated what is alive, and who made the heap grow: allocation sites, kept up to date by
 * events.
 *
 * Of the blocks, those are known whose allocation was recorded with its stack: a random sample, one
 * byte in @sample_bytes on average (pyfrag/sampling.h). A block of s bytes is sampled with
 * probability p = 1 - exp(-s / sample_bytes), so it stands for 1 / p blocks, and sums over the
 * samples of a site estimate that site without bias, with a variance of the sum of (1 - p) / p^2
 * times the square of what is summed.
 *
 * A block's site holds until its free is recorded. So blocks are kept only where every free is
 * recorded (mode full), and all of them are given up when an event was lost. Of pools it is always
 * known who took them: until they are given back, or taken again. When that may have gone unseen
 * for a while, only those pools keep their site that have not changed at all meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "heap/heap.h"
#include "heap/pinned.h"
#include "pyfrag/events.h"
#include "stacks/stack_table.h"

struct site_totals {
	/* Of live blocks that were allocated there; estimates, if sampled. */
	double live_bytes, live_blocks;
	double live_bytes_variance;
	/* What of the hostage bytes of pinned arenas falls to those of them that pin. An arena's is
	   shared out evenly over its live blocks. */
	double hostage_bytes, pinning_blocks;
	/* Likewise, over the blocks in pools that were taken there. */
	double pool_hostage_bytes;
	uint64_t pools_taken, pools_held,
		arenas_taken; /* since the beginning; now; since the beginning */
	uint64_t interval_pools_taken, interval_arenas_taken; /* since the last report */
};

/* Half the width of the 95 % confidence interval of live_bytes, in bytes. */
double site_totals__error_bytes(const struct site_totals *totals);

struct site_ledger_counts {
	uint64_t forgotten_blocks,
		forgotten_pools; /* whose site was given up, for it was not certain */
};

struct site_ledger;

struct site_ledger_options {
	struct heap_layout layout; /* of the heap that the events are about */
	uint64_t sample_bytes;	   /* at the beginning; 0: every allocation is sampled */
	bool keeps_blocks;	   /* every free is recorded */
	uint64_t seed;		   /* of the chance that thins samples out */
	struct account *account;   /* where its memory comes from */
	size_t blocks_max; /* how many sampled blocks are kept, before the distance is doubled */
};

/* Returns 0 or -ENOMEM; the caller frees it. @stacks must outlive it. */
int site_ledger__new(struct site_ledger **out, struct stack_table *stacks,
		     const struct site_ledger_options *options);
void site_ledger__free(struct site_ledger *ledger);

/*
 * Applies an event, in the order in which they came. @stack_number: the stack that was recorded
 * with it, which is in the table of stacks by now; 0: none was. Returns 0 or -ENOMEM; what there is
 * no room for in the account is not remembered, and counts as forgotten, or as growth at no known
 * stack.
 */
int site_ledger__apply(struct site_ledger *ledger, const struct pyfrag_event *event,
		       uint64_t stack_number);

/* What grows from here on counts for the next report. */
void site_ledger__begin_interval(struct site_ledger *ledger);

/* Events may have gone unseen until now; none will from here on. */
void site_ledger__note_gap(struct site_ledger *ledger);

/*
 * What a checkpoint says: @heap was just brought up to date. @gap: events may have gone unseen
 * until now.
 */
void site_ledger__check(struct site_ledger *ledger, const struct heap *heap, bool gap);

/*
 * Blocks and pools that are in no arena of @heap are gone (model__abandon_regions()): so are their
 * sites.
 */
void site_ledger__forget_outside(struct site_ledger *ledger, const struct heap *heap);

bool site_ledger__keeps_blocks(const struct site_ledger *ledger);

/*
 * How many bytes are now to lie between two samples, and which step that is: when there are more
 * samples than are to be kept, the distance is doubled, and each sample kept as if that had been so
 * from the beginning.
 */
uint64_t site_ledger__sample_bytes(const struct site_ledger *ledger);
uint32_t site_ledger__sample_step(const struct site_ledger *ledger);

/*
 * The stack a live block was allocated at, or its pool was taken at: its index, or STACK_UNKNOWN.
 */
uint32_t site_ledger__block_stack(const struct site_ledger *ledger, uint64_t block);
uint32_t site_ledger__pool_stack(const struct site_ledger *ledger, uint64_t pool);

/*
 * Totals of each stack, by its index (stack_table__cnt() of them, one more for what is not known),
 * on the account of @heap. The caller frees *out with account__free(). @measure describes @heap;
 * arenas are pinned @below an occupancy. Returns 0, -EDQUOT or -ENOMEM.
 */
int site_ledger__sum(const struct site_ledger *ledger, const struct heap *heap,
		     const struct heap_measure *measure, double below, struct site_totals **out);

const struct site_ledger_counts *site_ledger__counts(const struct site_ledger *ledger);
