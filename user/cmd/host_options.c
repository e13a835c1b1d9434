// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/host_options.h"

/* A budget is of the target's CPU time in a trace of one process, and of one core's here. */
struct host_options host_options__of(const struct options *options)
{
	return (struct host_options){
		.filter = {.comm = options->comm,
			   .user = options->user,
			   .cgroup = options->cgroup,
			   .match = options->match},
		.watched = {.below = options->below,
			    .blocks_per_arena_max = options->blocks_per_arena_max,
			    .with_shared = true,
			    .sites = options->sites,
			    .max_cpu_s = options->max_cpu_s,
			    .probes_budget = options->budget},
		.max_memory_bytes = options->max_memory_bytes,
		.interval_s = options->interval_s,
		.budget = options->budget,
	};
}
