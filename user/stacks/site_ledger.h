/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which allocation sites live memory comes from, and which made the heap grow, kept up to date by
 * events.
 *
 * A block is known if its allocation was recorded with its stack: a random sample with a mean
 * sampling interval of @sample_bytes (pyfrag/sampling.h). The probability p that a block of s bytes
 * is sampled is 1 - exp(-s / sample_bytes), so it stands for 1 / p blocks. Sums over the samples of
 * a site estimate that site without bias; each sample adds (1 - p) / p^2 times the square of the
 * summed quantity to the variance of the sum.
 *
 * The site of a block is valid until its free is recorded. So blocks are kept only if every free is
 * recorded (mode full), and all of them are forgotten when an event was lost. For pools it is
 * always known which site took them, until they are freed or taken again. If that may have gone
 * unrecorded for a while, only pools that have not changed at all meanwhile keep their site.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "heap/heap.h"
#include "heap/pinned.h"
#include "pyfrag/events.h"
#include "stacks/stack_table.h"

struct site_totals {
	/* Live blocks that were allocated there; estimated if blocks are sampled. */
	double live_bytes, live_blocks;
	double live_bytes_variance;
	/*
	 * Those blocks that are in pinned arenas, and their share of the hostage bytes: those of an
	 * arena are divided evenly among its live blocks.
	 */
	double hostage_bytes, pinning_blocks;
	/* The same share, for the blocks in pools that were taken there. */
	double pool_hostage_bytes;
	uint64_t pools_taken, pools_held, arenas_taken;	      /* total; currently; total */
	uint64_t interval_pools_taken, interval_arenas_taken; /* since the last report */
};

/* Half the width of the 95 % confidence interval of live_bytes, in bytes. */
double site_totals__error_bytes(const struct site_totals *totals);

struct site_ledger_counts {
	uint64_t forgotten_blocks, forgotten_pools; /* their site was uncertain */
};

struct site_ledger;

struct site_ledger_options {
	struct heap_layout layout; /* of the heap that the events are about */
	uint64_t sample_bytes;	   /* initial sampling interval; 0: every allocation is sampled */
	bool keeps_blocks;	   /* every free is recorded */
	uint64_t seed;		   /* for the random numbers that thin out samples */
	struct account *account;   /* charged for its memory */
	size_t blocks_max; /* sampled blocks to keep before the sampling interval is doubled */
};

/* Returns 0 or -ENOMEM; the caller frees it. @stacks must outlive it. */
int site_ledger__new(struct site_ledger **out, struct stack_table *stacks,
		     const struct site_ledger_options *options);
void site_ledger__free(struct site_ledger *ledger);

/*
 * Applies an event; events must come in order. @stack_number: the stack that was recorded with it,
 * which is already in the stack table; 0: none was. Returns 0 or -ENOMEM. What the account has no
 * room for is not kept, and counts as forgotten, or as growth at an unknown stack.
 */
int site_ledger__apply(struct site_ledger *ledger, const struct pyfrag_event *event,
		       uint64_t stack_number);

/* Growth from here on counts for the next report. */
void site_ledger__begin_interval(struct site_ledger *ledger);

/* Events may have been missed until now; none will be from here on. */
void site_ledger__note_gap(struct site_ledger *ledger);

/*
 * Compares the pools with a checkpoint: @heap was just brought up to date. @gap: events may have
 * been missed until now.
 */
void site_ledger__check(struct site_ledger *ledger, const struct heap *heap, bool gap);

/*
 * Forgets blocks and pools that are in no arena of @heap: they are gone (model__abandon_regions()).
 */
void site_ledger__forget_outside(struct site_ledger *ledger, const struct heap *heap);

bool site_ledger__keeps_blocks(const struct site_ledger *ledger);

/*
 * The current mean sampling interval in bytes, and its step: when there are more samples than may
 * be kept, the interval is doubled, and the samples are thinned out as if it had been that long
 * from the beginning.
 */
uint64_t site_ledger__sample_bytes(const struct site_ledger *ledger);
uint32_t site_ledger__sample_step(const struct site_ledger *ledger);

/*
 * The index of the stack at which a live block was allocated, or a pool was taken; or
 * STACK_UNKNOWN.
 */
uint32_t site_ledger__block_stack(const struct site_ledger *ledger, uint64_t block);
uint32_t site_ledger__pool_stack(const struct site_ledger *ledger, uint64_t pool);

/*
 * Totals of each stack, by its index (stack_table__cnt() of them, and one more for unknown stacks),
 * charged to the account of @heap. The caller frees *out with account__free(). @measure describes
 * @heap; arenas are pinned at an occupancy below @below. Returns 0, -EDQUOT or -ENOMEM.
 */
int site_ledger__sum(const struct site_ledger *ledger, const struct heap *heap,
		     const struct heap_measure *measure, double below, struct site_totals **out);

const struct site_ledger_counts *site_ledger__counts(const struct site_ledger *ledger);
