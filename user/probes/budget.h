/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tracing may cost: a share of the time that the target works. All that is known is how much
 * CPU time the target has used (the time of its traps included) and how much of that the hits have
 * cost.
 *
 * One half of the budget is for hits that come all along, where the heap takes pools. The other
 * half, and what the first leaves, is for bursts, in which every allocation is hit. A burst is
 * begun only when its end is paid for too: while probes are attached and detached, which takes some
 * 10 ms, they are hit, and nobody can stop that.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How long a burst is at most. */
#define BUDGET_BURST_NS 20000000
/* What is set aside for its beginning and its end: their time, on one CPU. */
#define BUDGET_RESERVE_NS 80000000
/* What may be spent at once, when the target has not done anything yet. */
#define BUDGET_START_NS 2000000
/* Growth probes that were taken out for cost go in again when so much is left for them. */
#define BUDGET_GROWTH_NS 5000000

struct budget {
	double share;	       /* 0.02: 2 % of the target's own work */
	uint64_t cpu_start_ns; /* the target's CPU time when tracing began */
};

struct budget_state {
	uint64_t cpu_ns;	 /* the target's CPU time by now */
	uint64_t spent_ns;	 /* what all hits have cost */
	uint64_t burst_spent_ns; /* of that, in bursts */
};

/* What all hits may have cost by now while there is no burst: more of them are to be ignored. */
uint64_t budget__allowance_ns(const struct budget *budget, const struct budget_state *state);

/* Whether growth probes that were taken out may go in again. */
bool budget__can_watch_growth(const struct budget *budget, const struct budget_state *state);

/*
 * Whether a burst may begin. If so, *limit_ns is what all hits may have cost when those of the
 * burst are to be ignored: what is left, but for the reserve.
 */
bool budget__can_burst(const struct budget *budget, const struct budget_state *state,
		       uint64_t *limit_ns);
