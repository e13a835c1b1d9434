/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cost of the probes in relation to the CPU time that the target uses, and the budget for it,
 * if there is one (pacer.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "probes/features.h"
#include "probes/hit_cost.h"
#include "probes/pacer.h"
#include "probes/tracer_totals.h"
#include "util/failure.h"

struct probe_cost {
	pid_t pid; /* of the target */
	struct hit_cost per_hit;
	uint64_t cpu_start_ns; /* the target's CPU time when tracing began */
	uint64_t cpu_ns;       /* as last read; stays at the total when the target has exited */
	struct pacer pacer;    /* overrun_fd is -1 if there is no budget */
};

void probe_cost__init(struct probe_cost *cost, pid_t pid);
void probe_cost__release(struct probe_cost *cost);

/*
 * Measures the cost of a hit, and reads the CPU time that the target has used so far. Errors are
 * described in @failure.
 */
int probe_cost__begin(struct probe_cost *cost, const struct features *features,
		      struct failure *failure);

/*
 * From now on, hits in @probes may cost @share of the target's CPU time. @probes must outlive
 * @cost. Returns 0 or negative errno.
 */
int probe_cost__set_budget(struct probe_cost *cost, struct probe_set *probes, double share,
			   bool has_bursts);

/*
 * Calls pacer__tick() if there is a budget, and returns its result. Sets *growth_resumed to whether
 * growth is watched again after a pause; it is set even on error.
 */
int probe_cost__keep_budget(struct probe_cost *cost, bool *growth_resumed);

/* The cost of the hits in @probes so far. */
void probe_cost__read(struct probe_cost *cost, const struct probe_set *probes,
		      struct tracer_cost *out);
