/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the probes cost a target, in proportion to the CPU time that it uses, and the budget for it,
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
	uint64_t cpu_ns;       /* as last read; of a target that has exited, all it has used */
	struct pacer pacer;    /* its overrun_fd is -1 if there is no budget */
};

void probe_cost__init(struct probe_cost *cost, pid_t pid);
void probe_cost__release(struct probe_cost *cost);

/*
 * Measures what a hit costs, and begins with the CPU time that the target has used by now. Errors
 * are described.
 */
int probe_cost__begin(struct probe_cost *cost, const struct features *features,
		      struct failure *failure);

/*
 * From here on hits in @probes, which must outlive it, may cost a @share of the target's CPU time.
 * Returns 0 or negative errno.
 */
int probe_cost__set_budget(struct probe_cost *cost, struct probe_set *probes, double share,
			   bool has_bursts);

/*
 * As pacer__tick(), if there is a budget. *growth_resumed: whether growth is watched again, after
 * it was not for a while; also set where it fails.
 */
int probe_cost__keep_budget(struct probe_cost *cost, bool *growth_resumed);

/* What hits in @probes have cost by now. */
void probe_cost__read(struct probe_cost *cost, const struct probe_set *probes,
		      struct tracer_cost *out);
