/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tracing may cost: a share of the CPU time that the target uses for its own work. The inputs
 * are the CPU time that the target has used, including the time of its traps, and how much of that
 * the hits have cost.
 *
 * One half of the budget is for the growth probes, which stay attached as long as it suffices. The
 * other half, and what the first leaves unused, is for bursts, in which every allocation is hit. A
 * burst begins only if the budget also covers its end: attaching and detaching probes takes some 10
 * ms each, and nothing can prevent hits during that time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The maximum duration of a burst. */
#define BUDGET_BURST_NS 20000000
/* Reserved for the beginning and the end of a burst: their duration, on one CPU. */
#define BUDGET_RESERVE_NS 80000000
/* What may be spent before the target has used any CPU time. */
#define BUDGET_START_NS 2000000
/* Growth probes that were detached are attached again when this much is left for them. */
#define BUDGET_GROWTH_NS 5000000

struct budget {
	double share;	       /* 0.02: 2 % of the target's own work */
	uint64_t cpu_start_ns; /* the target's CPU time when tracing began */
};

struct budget_state {
	uint64_t cpu_ns;	 /* the target's CPU time so far */
	uint64_t spent_ns;	 /* the cost of all hits */
	uint64_t burst_spent_ns; /* the part of it spent in bursts */
};

/* What all hits may have cost so far while there is no burst; hits beyond this are ignored. */
uint64_t budget__allowance_ns(const struct budget *budget, const struct budget_state *state);

/* Whether growth probes that were detached may be attached again. */
bool budget__can_watch_growth(const struct budget *budget, const struct budget_state *state);

/*
 * Whether a burst may begin. If so, *limit_ns is set to the total cost of hits at which hits of the
 * burst are ignored: what is left of the budget, minus the reserve.
 */
bool budget__can_burst(const struct budget *budget, const struct budget_state *state,
		       uint64_t *limit_ns);
