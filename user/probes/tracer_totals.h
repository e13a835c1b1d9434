/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a trace has seen of its target since it began, and what that has cost. A report embeds it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/model.h"
#include "pyfrag/counters.h"

/* The changes that show: of the others there is no count. */
struct tracer_sight {
	bool pool_frees, arena_maps, arena_unmaps; /* there are probe sites for them */
	bool freelist_clears; /* there is a site, or the target counts its full collections */
};

struct tracer_cost {
	uint64_t hits[HITS_CNT];
	double ns_per_hit; /* as measured at the start */
	uint64_t spent_ns; /* for hits, and for what bursts took besides */
	uint64_t cpu_ns;   /* CPU time of the target, that of the hits included */
	uint64_t burst_cnt, burst_ns;
	uint64_t growth_pauses; /* times that growth was not watched because of its cost */
	bool growth_is_watched; /* now */
	bool has_bursts;
};

/* Hits of both kinds; those that were ignored are among them. */
static inline uint64_t tracer_cost__hit_cnt(const struct tracer_cost *cost)
{
	return cost->hits[HITS_EMULATED] + cost->hits[HITS_STEPPED];
}

struct tracer_totals {
	struct model_counts counts;
	struct tracer_sight sees;
	struct tracer_cost cost;
	size_t probe_sites;
	bool execed; /* the target runs another program now, so its heap is a different one */
};

/*
 * What hits cost, as a share of the CPU time that the target would have used without them, which is
 * taken to be at least a hundredth of what it has used.
 */
double tracer_cost__share(const struct tracer_cost *cost);
