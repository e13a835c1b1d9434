// SPDX-License-Identifier: BSD-2-Clause
#include "probes/probe_cost.h"

#include <string.h>

#include "probes/hit_cost_measure.h"
#include "probes/loader.h"
#include "target/live_activity.h"

void probe_cost__init(struct probe_cost *cost, pid_t pid)
{
	*cost = (struct probe_cost){.pid = pid, .pacer.overrun_fd = -1};
}

void probe_cost__release(struct probe_cost *cost)
{
	pacer__release(&cost->pacer);
}

int probe_cost__begin(struct probe_cost *cost, const struct features *features,
		      struct failure *failure)
{
	int err = hit_cost__measure(&cost->per_hit, features, failure);

	if (err)
		return err;
	err = live_activity__cpu_ns(cost->pid, &cost->cpu_start_ns);
	if (err)
		return failure__set(failure, err, "process %d: cannot read its CPU time: %s",
				    cost->pid, strerror(-err));
	cost->cpu_ns = cost->cpu_start_ns;
	return 0;
}

int probe_cost__set_budget(struct probe_cost *cost, struct probe_set *probes, double share,
			   bool has_bursts)
{
	return pacer__init(&cost->pacer, probes, share, cost->cpu_start_ns, has_bursts);
}

int probe_cost__keep_budget(struct probe_cost *cost, bool *growth_resumed)
{
	uint64_t resumptions = cost->pacer.growth_resumptions;
	int err;

	*growth_resumed = false;
	if (cost->pacer.overrun_fd < 0)
		return 0;
	err = live_activity__cpu_ns(cost->pid, &cost->cpu_ns);
	if (!err)
		err = pacer__tick(&cost->pacer, cost->cpu_ns);
	*growth_resumed = cost->pacer.growth_resumptions != resumptions;
	return err;
}

static double ns_per_hit(const struct hit_cost *per_hit, const uint64_t *hits)
{
	double emulated = (double)hits[HITS_EMULATED], stepped = (double)hits[HITS_STEPPED];

	if (!(emulated + stepped > 0))
		return 0;
	return (emulated * per_hit->emulated_ns + stepped * per_hit->stepped_ns) /
	       (emulated + stepped);
}

void probe_cost__read(struct probe_cost *cost, const struct probe_set *probes,
		      struct tracer_cost *out)
{
	const struct pacer *pacer = &cost->pacer;

	live_activity__cpu_ns(cost->pid, &cost->cpu_ns);
	*out = (struct tracer_cost){
		.cpu_ns = cost->cpu_ns - cost->cpu_start_ns,
		.burst_cnt = pacer->burst_cnt,
		.burst_ns = pacer->burst_ns,
		.growth_pauses = pacer->growth_pauses,
		.growth_is_watched = pacer->growth_is_on,
		.has_bursts = pacer->has_bursts,
	};
	probe_set__read_hits(probes, out->hits);
	out->ns_per_hit = ns_per_hit(&cost->per_hit, out->hits);
	out->spent_ns = probe_set__spent_ns(probes);
}
