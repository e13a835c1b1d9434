// SPDX-License-Identifier: BSD-2-Clause
/*
 * The order matters. All probes are attached before memory is read, and events from the time when
 * only some of them were attached are discarded. From then on there is an event for every change,
 * and a difference between memory and events is drift (drift.h).
 */
#include "probes/tracer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probes/events.h"
#include "probes/heap_follower.h"
#include "probes/loader.h"
#include "probes/probe_cost.h"
#include "probes/probe_plan.h"
#include "probes/target_life.h"
#include "target/full_collections.h"
#include "target/shortage.h"
#include "util/cleanup.h"

struct tracer_counts {
	uint64_t events;
	uint64_t stale_events; /* discarded: they came before all probes were attached */
	uint64_t unusable_sites;
	size_t probe_sites;
};

struct tracer {
	struct probe_set *probes;
	struct event_stream *stream; /* its lock protects what its handlers change */
	bool discard;		     /* not all probes are attached yet */
	struct target_life life;
	struct probe_cost cost;
	struct heap_follower follower;
	struct tracer_observer observer;
	struct collection_count collections; /* full ones, each of which clears the free lists */
	struct tracer_counts counts;
	struct tracer_sight sees;
};

void tracer__free(struct tracer *tracer)
{
	if (!tracer)
		return;
	event_stream__free(tracer->stream);
	probe_cost__release(&tracer->cost);
	probe_set__free(tracer->probes);
	heap_follower__release(&tracer->follower);
	target_life__release(&tracer->life);
	free(tracer);
}

void tracer__freep(struct tracer **tracer)
{
	tracer__free(*tracer);
}

/* The handlers run in the stream's thread or in event_stream__drain(), under the stream's lock. */

static void handle_notice(const struct pyfrag_notice *notice, void *context)
{
	struct tracer *tracer = context;

	if (tracer->life.execed)
		return;
	switch (notice->type) {
	case EVENT_EXEC:
		target_life__note_exec(&tracer->life);
		return;
	case EVENT_FORK:
		target_life__note_fork(&tracer->life);
		return;
	case EVENT_OVERRUN:
		pacer__note_overrun(&tracer->cost.pacer);
	}
}

static void handle_event(const struct pyfrag_event *event, uint64_t stack_number, void *context)
{
	struct tracer *tracer = context;
	int err;

	if (tracer->life.execed)
		return;
	if (tracer->discard) {
		tracer->counts.stale_events++;
		return;
	}
	tracer->counts.events++;
	err = heap_follower__apply(&tracer->follower, event);
	if (!err && tracer->observer.event)
		err = tracer->observer.event(event, stack_number, tracer->observer.context);
	if (err)
		tracer->follower.event_err = err;
}

static void handle_stack(const struct pyfrag_stack *stack, void *context)
{
	struct tracer *tracer = context;
	int err;

	if (tracer->life.execed || !tracer->observer.stack)
		return;
	err = tracer->observer.stack(stack, tracer->observer.context);
	if (err)
		tracer->follower.event_err = err;
}

static int attach_groups(struct tracer *tracer, const struct module *module,
			 const struct site_set *sites, const struct tracer_options *options,
			 struct failure *failure)
{
	const struct probe_wishes wishes = {.follow_blocks = options->follow_blocks,
					    .budget = options->budget,
					    .no_bursts = options->no_bursts,
					    .can_switch = probe_set__can_switch(tracer->probes)};
	const struct probe_plan plan = probe_plan__make(&wishes, sites);
	int err = 0;

	if (plan.has_budget)
		err = probe_cost__set_budget(&tracer->cost, tracer->probes, options->budget,
					     plan.has_bursts);
	if (err)
		return failure__set(failure, err, "cannot create an eventfd: %s", strerror(-err));
	for (int group = 0; group < PROBE_GROUP_CNT && !err; group++)
		if (plan.types[group])
			err = probe_set__attach_sites(tracer->probes, (enum probe_group)group,
						      sites, plan.types[group], module->fd,
						      module->bias, &tracer->counts.probe_sites,
						      &tracer->counts.unusable_sites, failure);
	return err;
}

/* Attaches all probes. Events before the last of them is attached are discarded. */
static int attach_probes(struct tracer *tracer, const struct module *module,
			 const struct site_set *sites, const struct tracer_options *options,
			 struct failure *failure)
{
	static const struct event_handlers handlers = {.event = handle_event,
						       .stack = handle_stack,
						       .notice = handle_notice};
	int err;

	tracer->discard = true;
	err = event_stream__start(&tracer->stream, probe_set__ring_fd(tracer->probes),
				  options->ring_bytes, &handlers, tracer);
	if (err)
		return failure__set(failure, err, "cannot read the ring buffer: %s",
				    strerror(-err));
	tracer->follower.stream = tracer->stream;
	tracer->follower.probes = tracer->probes;
	err = probe_set__attach_life(tracer->probes, failure);
	if (!err)
		err = attach_groups(tracer, module, sites, options, failure);
	if (err)
		return err;
	event_stream__drain(tracer->stream);
	event_stream__lock(tracer->stream);
	tracer->discard = false;
	event_stream__unlock(tracer->stream);
	return 0;
}

static int check_sites(const struct site_set *sites, bool follow_blocks, pid_t pid,
		       struct failure *failure)
{
	if (!follow_blocks ||
	    (site_set__count(sites, EVENT_ALLOC) && site_set__count(sites, EVENT_FREE)))
		return 0;
	return failure__set(failure, -ENOTSUP,
			    "process %d: no allocation probe sites found in the code of its Python "
			    "(an unusual build?); --mode watch works without them",
			    pid);
}

static struct tracer_sight sight_of(const struct site_set *sites)
{
	return (struct tracer_sight){
		.pool_frees = site_set__count(sites, EVENT_POOL_FREED) != 0,
		.arena_maps = site_set__count(sites, EVENT_ARENA_MAP) != 0,
		.arena_unmaps = site_set__count(sites, EVENT_ARENA_UNMAP) != 0,
		.freelist_clears = site_set__count(sites, EVENT_FREELIST_CLEAR) != 0,
	};
}

int tracer__attach(struct tracer **out, pid_t pid, const struct module *module,
		   const struct site_set *sites, const struct features *features,
		   const struct tracer_options *options, struct failure *failure)
{
	struct probe_options probe_options = {.pid = pid,
					      .module = module,
					      .code_bytes_max = options->code_bytes_max,
					      .ring_bytes = options->ring_bytes,
					      .has_budget = !options->follow_blocks &&
							    options->budget > 0,
					      .with_stacks = options->with_stacks,
					      .site_cnt = sites->cnt};
	_cleanup_(tracer__freep) struct tracer *tracer = calloc(1, sizeof(*tracer));
	int err;

	if (!tracer)
		return failure__set(failure, -ENOMEM, "out of memory");
	probe_cost__init(&tracer->cost, pid);
	heap_follower__init(&tracer->follower, options->follow_blocks);
	tracer->sees = sight_of(sites);
	err = target_life__init(&tracer->life);
	if (err)
		return failure__set(failure, err, "cannot create a file descriptor: %s",
				    strerror(-err));
	err = check_sites(sites, options->follow_blocks, pid, failure);
	if (!err)
		err = probe_cost__begin(&tracer->cost, features, failure);
	if (err)
		return err;
	probe_options.hit_cost = tracer->cost.per_hit;
	err = probe_set__new(&tracer->probes, &probe_options, features, failure);
	if (!err)
		err = attach_probes(tracer, module, sites, options, failure);
	if (err)
		return err;
	*out = TAKE_PTR(tracer);
	return 0;
}

void tracer__observe(struct tracer *tracer, const struct tracer_observer *observer)
{
	event_stream__lock(tracer->stream);
	tracer->observer = *observer;
	event_stream__unlock(tracer->stream);
}

void tracer__enable_stacks(struct tracer *tracer, const struct pyfrag_stacks *stacks)
{
	probe_set__enable_stacks(tracer->probes, stacks);
}

void tracer__forget_stack(struct tracer *tracer, uint64_t number)
{
	probe_set__forget_stack(tracer->probes, number);
}

int tracer__follow(struct tracer *tracer, struct heap_source *source, const struct runtime *runtime,
		   bool from_first_allocation, struct failure *failure)
{
	int err;

	collection_count__begin(&tracer->collections, runtime, source->target->memory,
				from_first_allocation);
	tracer->sees.freelist_clears |= tracer->collections.is_known;
	err = heap_follower__begin(&tracer->follower, source, from_first_allocation);
	return err ? shortage__describe(source->target, err, failure) : 0;
}

uint64_t tracer__event_cnt(struct tracer *tracer)
{
	uint64_t cnt;

	event_stream__drain(tracer->stream);
	event_stream__lock(tracer->stream);
	cnt = tracer->counts.events;
	event_stream__unlock(tracer->stream);
	return cnt;
}

int tracer__checkpoint(struct tracer *tracer, const struct heap_reading_options *options,
		       struct heap_reading *out, struct counters *counters, struct failure *failure)
{
	return heap_follower__checkpoint(&tracer->follower, options, out, counters, failure);
}

void tracer__hold(struct tracer *tracer, struct tracer_view *out)
{
	const struct heap_follower *follower = &tracer->follower;
	struct tracer_totals totals = {.sees = tracer->sees,
				       .probe_sites = tracer->counts.probe_sites};

	probe_cost__read(&tracer->cost, tracer->probes, &totals.cost);
	totals.cost.growth_is_watched |= follower->follows_blocks;
	collection_count__update(&tracer->collections);
	event_stream__lock(tracer->stream);
	totals.counts = follower->model->counts;
	if (tracer->collections.is_known)
		totals.counts.freelist_clears = tracer->collections.cnt;
	totals.execed = tracer->life.execed;
	*out = (struct tracer_view){.heap = follower->model->heap, .totals = totals};
}

void tracer__resume(struct tracer *tracer)
{
	event_stream__unlock(tracer->stream);
}

void tracer__read_counters(struct tracer *tracer, struct counters *counters)
{
	probe_set__read_counters(tracer->probes, counters);
	event_stream__lock(tracer->stream);
	counters__set(counters, COUNTER_FORKS, tracer->life.fork_cnt);
	counters__set(counters, COUNTER_EVENTS_STALE, tracer->counts.stale_events);
	counters__set(counters, COUNTER_SITES_UNUSABLE, tracer->counts.unusable_sites);
	heap_follower__read_counters(&tracer->follower, counters);
	event_stream__unlock(tracer->stream);
}

bool tracer__has_execed(struct tracer *tracer)
{
	bool execed;

	event_stream__lock(tracer->stream);
	execed = tracer->life.execed;
	event_stream__unlock(tracer->stream);
	return execed;
}

int tracer__exec_fd(const struct tracer *tracer)
{
	return tracer->life.exec_fd;
}

int tracer__keeper_fd(const struct tracer *tracer)
{
	return probe_set__keeper_fd(tracer->probes);
}

int tracer__fork_fd(const struct tracer *tracer)
{
	return tracer->life.fork_fd;
}

int tracer__spare_children(struct tracer *tracer)
{
	int err;

	event_stream__lock(tracer->stream);
	target_life__rearm(&tracer->life);
	event_stream__unlock(tracer->stream);
	err = target_life__clear_forks(&tracer->life);
	return err ? err : probe_set__spare_children(tracer->probes);
}

int tracer__overrun_fd(const struct tracer *tracer)
{
	return tracer->cost.pacer.overrun_fd;
}

int tracer__keep_budget(struct tracer *tracer)
{
	bool growth_resumed;
	int err = probe_cost__keep_budget(&tracer->cost, &growth_resumed);

	if (!growth_resumed || !tracer->observer.growth_resumed)
		return err;
	/* Handle what was emitted before the pause first. */
	event_stream__drain(tracer->stream);
	event_stream__lock(tracer->stream);
	tracer->observer.growth_resumed(tracer->observer.context);
	event_stream__unlock(tracer->stream);
	return err;
}
