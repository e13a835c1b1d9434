/* SPDX-License-Identifier: BSD-2-Clause */
/* What a trace has seen of its target since it began, and what that has cost. Reports embed it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/model.h"
#include "pyfrag/counters.h"

/* The changes that can be seen; others are not counted. */
struct tracer_sight {
	bool pool_frees, arena_maps, arena_unmaps; /* there are probe sites for them */
	bool freelist_clears; /* there is a site, or the target counts its full collections */
};

struct tracer_cost {
	uint64_t hits[HITS_CNT];
	double ns_per_hit; /* as measured at the start */
	uint64_t spent_ns; /* for hits, and for the rest of the duration of bursts */
	uint64_t cpu_ns;   /* CPU time of the target, including that of the hits */
	uint64_t burst_cnt, burst_ns;
	uint64_t growth_pauses; /* how often growth was not watched because of its cost */
	bool growth_is_watched; /* now */
	bool has_bursts;
};

/* The number of hits of both kinds, including those that were ignored. */
static inline uint64_t tracer_cost__hit_cnt(const struct tracer_cost *cost)
{
	return cost->hits[HITS_EMULATED] + cost->hits[HITS_STEPPED];
}

struct tracer_totals {
	struct model_counts counts;
	struct tracer_sight sees;
	struct tracer_cost cost;
	size_t probe_sites;
	bool execed; /* the target has executed another program, so its heap is a different one */
};

/*
 * The cost of hits as a share of the CPU time that the target would have used without them, which
 * is taken to be at least one hundredth of the time that it has used.
 */
double tracer_cost__share(const struct tracer_cost *cost);
