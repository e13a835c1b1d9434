// SPDX-License-Identifier: BSD-2-Clause
/*
 * The order matters. All probes are in before memory is read, and what they emitted while only some
 * were in is thrown away; so from then on every change has an event, and what memory and events do
 * not agree on is drift (drift.h).
 */
#include "probes/tracer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "probes/drift.h"
#include "probes/events.h"
#include "probes/hit_cost_measure.h"
#include "probes/loader.h"
#include "probes/pacer.h"
#include "probes/probe_plan.h"
#include "target/full_collections.h"
#include "target/live_activity.h"
#include "target/shortage.h"
#include "target/sleep_watch.h"
#include "util/array.h"
#include "util/cleanup.h"

/* How long after a fork the children are spared the probes: all of those forked by then at once. */
#define FORK_DELAY_NS 500000000

/* Events kept before the heap is known: a Python has taken its first arena long before. */
#define BACKLOG_MAX (1UL << 22)

struct tracer {
	struct probe_set *probes;
	struct pacer pacer; /* its overrun_fd is -1 where there is no budget to keep */
	struct hit_cost hit_cost;
	uint64_t cpu_start_ns, cpu_ns;
	/* Since just before the heap was last read, where only reading moves the model. */
	struct sleep_watch sleep_watch;
	/*
	 * How many readings more there must be, even if it sleeps, until all of its heap has been
	 * looked at.
	 */
	int readings_due;
	pid_t pid;
	struct event_stream *stream;
	struct heap_source *source;
	struct tracer_observer observer;
	struct collection_count collections; /* full ones: each clears the free lists */
	struct model *model; /* NULL: not following yet; then events go to the backlog */
	struct pyfrag_event *backlog;
	size_t backlog_cnt, backlog_capacity;
	bool discard; /* not all probes are in */
	bool follow_blocks;
	bool execed;
	int exec_fd;
	int fork_fd; /* a timer */
	bool fork_timer_runs;
	bool has_baseline;
	uint64_t ended_interpreters[2]; /* when the heap was last read, and the time before */
	int handle_err;			/* out of memory while handling an event */
	uint64_t lost_cnt;		/* events, when they were last counted */
	uint64_t event_cnt, fork_cnt, stale_cnt, dropped_cnt, unconfirmed_cnt, unusable_cnt;
	size_t probe_sites;
	bool sees_pool_frees, sees_arena_maps, sees_arena_unmaps, sees_freelist_clears;
};

void tracer__free(struct tracer *tracer)
{
	if (!tracer)
		return;
	event_stream__free(tracer->stream);
	pacer__release(&tracer->pacer);
	probe_set__free(tracer->probes);
	model__free(tracer->model);
	free(tracer->backlog);
	closep(&tracer->exec_fd);
	closep(&tracer->fork_fd);
	free(tracer);
}

void tracer__freep(struct tracer **tracer)
{
	tracer__free(*tracer);
}

static void keep_event(struct tracer *tracer, const struct pyfrag_event *event)
{
	if (tracer->backlog_cnt == BACKLOG_MAX ||
	    ARRAY_RESERVE(tracer->backlog, tracer->backlog_capacity, tracer->backlog_cnt + 1)) {
		tracer->dropped_cnt++;
		return;
	}
	tracer->backlog[tracer->backlog_cnt++] = *event;
}

static void note_fork(struct tracer *tracer)
{
	const struct itimerspec delay = {.it_value.tv_nsec = FORK_DELAY_NS};

	tracer->fork_cnt++;
	if (!tracer->fork_timer_runs)
		tracer->fork_timer_runs = !timerfd_settime(tracer->fork_fd, 0, &delay, NULL);
}

/* The handlers run in the stream's thread, or in event_stream__drain(); under the stream's lock. */

static void handle_notice(const struct pyfrag_notice *notice, void *context)
{
	struct tracer *tracer = context;

	if (tracer->execed)
		return;
	switch (notice->type) {
	case EVENT_EXEC:
		tracer->execed = true;
		eventfd_write(tracer->exec_fd, 1);
		return;
	case EVENT_FORK:
		note_fork(tracer);
		return;
	case EVENT_OVERRUN:
		pacer__note_overrun(&tracer->pacer);
	}
}

static void handle_event(const struct pyfrag_event *event, uint64_t stack_number, void *context)
{
	struct tracer *tracer = context;
	int err = 0;

	if (tracer->execed)
		return;
	if (tracer->discard) {
		tracer->stale_cnt++;
		return;
	}
	tracer->event_cnt++;
	if (tracer->model)
		err = model__apply(tracer->model, event);
	else
		keep_event(tracer, event);
	if (!err && tracer->observer.event)
		err = tracer->observer.event(event, stack_number, tracer->observer.context);
	if (err)
		tracer->handle_err = err;
}

static void handle_stack(const struct pyfrag_stack *stack, void *context)
{
	struct tracer *tracer = context;
	int err;

	if (tracer->execed || !tracer->observer.stack)
		return;
	err = tracer->observer.stack(stack, tracer->observer.context);
	if (err)
		tracer->handle_err = err;
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
		err = pacer__init(&tracer->pacer, tracer->probes, options->budget,
				  tracer->cpu_start_ns, plan.has_bursts);
	if (err)
		return failure__set(failure, err, "cannot create an eventfd: %s", strerror(-err));
	for (int group = 0; group < PROBE_GROUP_CNT && !err; group++)
		if (plan.types[group])
			err = probe_set__attach_sites(tracer->probes, (enum probe_group)group,
						      sites, plan.types[group], module->fd,
						      module->bias, &tracer->probe_sites,
						      &tracer->unusable_cnt, failure);
	return err;
}

/* All probes go in; what the first of them say until the last is in is discarded. */
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
	return failure__set(
		failure, -ENOTSUP,
		"process %d: no probe sites for allocations found in the code of its Python (an "
		"unusual build?); --mode watch works without them",
		pid);
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
	tracer->pid = pid;
	tracer->pacer.overrun_fd = -1;
	tracer->exec_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	tracer->fork_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (tracer->exec_fd < 0 || tracer->fork_fd < 0)
		return failure__set(failure, -errno, "cannot create a file descriptor: %s",
				    strerror(errno));
	err = check_sites(sites, options->follow_blocks, pid, failure);
	if (err)
		return err;
	err = hit_cost__measure(&probe_options.hit_cost, features, failure);
	if (err)
		return err;
	err = live_activity__cpu_ns(pid, &tracer->cpu_start_ns);
	if (err)
		return failure__set(failure, err, "process %d: cannot read its CPU time: %s", pid,
				    strerror(-err));
	tracer->cpu_ns = tracer->cpu_start_ns;
	tracer->hit_cost = probe_options.hit_cost;
	tracer->readings_due = 1;
	tracer->follow_blocks = options->follow_blocks;
	tracer->sees_pool_frees = site_set__count(sites, EVENT_POOL_FREED) != 0;
	tracer->sees_arena_maps = site_set__count(sites, EVENT_ARENA_MAP) != 0;
	tracer->sees_arena_unmaps = site_set__count(sites, EVENT_ARENA_UNMAP) != 0;
	tracer->sees_freelist_clears = site_set__count(sites, EVENT_FREELIST_CLEAR) != 0;
	err = probe_set__new(&tracer->probes, &probe_options, features, failure);
	if (!err)
		err = attach_probes(tracer, module, sites, options, failure);
	if (err)
		return err;
	*out = TAKE_PTR(tracer);
	return 0;
}

static int replay_backlog(struct tracer *tracer)
{
	int err = 0;

	for (size_t i = 0; i < tracer->backlog_cnt && !err; i++)
		err = model__apply(tracer->model, &tracer->backlog[i]);
	free(TAKE_PTR(tracer->backlog));
	tracer->backlog_cnt = tracer->backlog_capacity = 0;
	return err;
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

	tracer->source = source;
	collection_count__begin(&tracer->collections, runtime, source->target->memory,
				from_first_allocation);
	tracer->sees_freelist_clears |= tracer->collections.is_known;
	event_stream__lock(tracer->stream);
	err = model__new(&tracer->model, &source->allocators.geometry, tracer->follow_blocks,
			 source->account);
	if (!err)
		err = replay_backlog(tracer);
	tracer->has_baseline = from_first_allocation && !tracer->dropped_cnt;
	event_stream__unlock(tracer->stream);
	return err ? shortage__describe(source->target, err, failure) : 0;
}

uint64_t tracer__event_cnt(struct tracer *tracer)
{
	uint64_t cnt;

	event_stream__drain(tracer->stream);
	event_stream__lock(tracer->stream);
	cnt = tracer->event_cnt;
	event_stream__unlock(tracer->stream);
	return cnt;
}

/*
 * What the first checkpoint finds is not drift, and what events contradict before it was not
 * missed.
 */
static void forget_differences(struct tracer *tracer)
{
	tracer->model->counts.missed_allocs = 0;
	tracer->model->counts.missed_frees = 0;
	tracer->has_baseline = true;
}

static bool is_mapped(uint64_t address, void *context)
{
	const struct tracer *tracer = context;
	uint64_t word;

	return !memory__read(tracer->source->target->memory, address, &word, sizeof(word));
}

/*
 * Arenas that came while the heap was read, and whose interpreter ended then, are known to be
 * abandoned the next time.
 */
static int abandon_arenas(struct tracer *tracer, const struct heap_reading *reading)
{
	uint64_t *ended = tracer->ended_interpreters;
	int err = 0;

	if (reading->ended_interpreters > ended[1]) {
		event_stream__lock(tracer->stream);
		err = model__abandon_arenas(tracer->model, reading->heap, is_mapped, tracer);
		event_stream__unlock(tracer->stream);
	}
	ended[1] = ended[0];
	ended[0] = reading->ended_interpreters;
	return err;
}

static int adopt(struct tracer *tracer, struct heap *fresh, uint64_t drift_blocks)
{
	int err;

	event_stream__lock(tracer->stream);
	err = model__adopt(tracer->model, fresh, drift_blocks);
	if (!err && !tracer->has_baseline)
		forget_differences(tracer);
	if (!err)
		err = tracer->handle_err;
	event_stream__unlock(tracer->stream);
	return err;
}

static int describe_checkpoint(const struct tracer *tracer, int err, struct failure *failure)
{
	if (account__is_short(err))
		return shortage__describe(tracer->source->target, err, failure);
	return failure__set(failure, err, "process %d: cannot take a checkpoint: %s",
			    tracer->source->target->pid, strerror(-err));
}

/* Whether any events were lost since it was last asked. */
static bool has_lost_some(struct tracer *tracer)
{
	struct counters counters = {};
	uint64_t before = tracer->lost_cnt;

	tracer__read_counters(tracer, &counters);
	tracer->lost_cnt = counters__get(&counters, COUNTER_LOST);
	return tracer->lost_cnt != before;
}

/* A fresh heap, compared with the model, which then becomes what the two say together. */
static int take_fresh(struct tracer *tracer, const struct heap_reading_options *options,
		      struct heap_reading *out, struct counters *counters, struct failure *failure)
{
	struct drift drift = {.stream = tracer->stream,
			      .model = tracer->model,
			      .memory = tracer->source->target->memory};
	bool lost_some;
	int err;

	event_stream__drain(tracer->stream);
	lost_some = has_lost_some(tracer);
	event_stream__lock(tracer->stream);
	err = model__begin_checkpoint(tracer->model, lost_some);
	event_stream__unlock(tracer->stream);
	if (err)
		return describe_checkpoint(tracer, err, failure);
	err = heap_source__read(tracer->source, options, out, counters, failure);
	if (err)
		return err;
	drift__await_stragglers(tracer->stream);
	err = abandon_arenas(tracer, out);
	if (!err && tracer->has_baseline)
		err = drift__confirm(&drift, out->heap);
	tracer->unconfirmed_cnt += drift.unconfirmed_blocks;
	if (!err)
		err = adopt(tracer, TAKE_PTR(out->heap), drift.blocks);
	if (err) {
		heap__free(TAKE_PTR(out->heap));
		return describe_checkpoint(tracer, err, failure);
	}
	counters__add(counters, COUNTER_POOLS_RETRIED, drift.counts.retried_pools);
	counters__add(counters, COUNTER_POOLS_UNRESOLVED, drift.counts.unresolved_pools);
	return 0;
}

/*
 * A reading that passes over calm arenas has seen all of them when as many have followed as take
 * turns.
 */
static void note_reading(struct tracer *tracer, const struct heap_reading *reading, bool slept)
{
	if (!reading->counts.calm_pools)
		tracer->readings_due = 0;
	else if (slept)
		tracer->readings_due--;
	else
		tracer->readings_due = CALM_SHARE - 1;
}

/* Without events for blocks the model's heap is what memory says, and only what changed is read. */
static int bring_up_to_date(struct tracer *tracer, const struct heap_reading_options *options,
			    struct heap_reading *out, struct counters *counters,
			    struct failure *failure)
{
	struct heap_reading_options stamped = *options;
	bool slept = sleep_watch__has_slept(&tracer->sleep_watch, tracer->source->target);
	int err, return_err;

	*out = (struct heap_reading){.target_slept = slept && !tracer->readings_due};
	if (out->target_slept)
		return 0;
	stamped.checkpoint.keep_stamps = true;
	event_stream__lock(tracer->stream);
	out->heap = model__lend_heap(tracer->model);
	event_stream__unlock(tracer->stream);
	err = heap_source__read(tracer->source, &stamped, out, counters, failure);
	event_stream__drain(tracer->stream);
	event_stream__lock(tracer->stream);
	return_err = model__return_heap(tracer->model, TAKE_PTR(out->heap));
	if (!return_err)
		return_err = tracer->handle_err;
	event_stream__unlock(tracer->stream);
	if (!err && !return_err)
		note_reading(tracer, out, slept);
	else
		tracer->readings_due = 1;
	return err ? err : return_err ? describe_checkpoint(tracer, return_err, failure) : 0;
}

int tracer__checkpoint(struct tracer *tracer, const struct heap_reading_options *options,
		       struct heap_reading *out, struct counters *counters, struct failure *failure)
{
	return tracer->follow_blocks ? take_fresh(tracer, options, out, counters, failure)
				     : bring_up_to_date(tracer, options, out, counters, failure);
}

/* A target that has exited has used what was read last. */
static void read_cost(struct tracer *tracer, struct tracer_cost *cost)
{
	double hits;

	live_activity__cpu_ns(tracer->pid, &tracer->cpu_ns);
	probe_set__read_hits(tracer->probes, cost->hits);
	hits = (double)(cost->hits[HITS_EMULATED] + cost->hits[HITS_STEPPED]);
	cost->ns_per_hit =
		hits > 0 ? ((double)cost->hits[HITS_EMULATED] * tracer->hit_cost.emulated_ns +
			    (double)cost->hits[HITS_STEPPED] * tracer->hit_cost.stepped_ns) /
				   hits
			 : 0;
	cost->spent_ns = probe_set__spent_ns(tracer->probes);
	cost->cpu_ns = tracer->cpu_ns - tracer->cpu_start_ns;
	cost->burst_cnt = tracer->pacer.burst_cnt;
	cost->burst_ns = tracer->pacer.burst_ns;
	cost->growth_pauses = tracer->pacer.growth_pauses;
	cost->growth_is_watched = tracer->follow_blocks || tracer->pacer.growth_is_on;
	cost->has_bursts = tracer->pacer.has_bursts;
}

int tracer__visit(struct tracer *tracer,
		  int (*visit)(const struct heap *heap, const struct tracer_totals *totals,
			       void *context),
		  void *context)
{
	struct tracer_totals totals = {
		.probe_sites = tracer->probe_sites,
		.sees_pool_frees = tracer->sees_pool_frees,
		.sees_arena_maps = tracer->sees_arena_maps,
		.sees_arena_unmaps = tracer->sees_arena_unmaps,
		.sees_freelist_clears = tracer->sees_freelist_clears,
	};
	int result;

	read_cost(tracer, &totals.cost);
	collection_count__update(&tracer->collections);
	event_stream__lock(tracer->stream);
	totals.counts = tracer->model->counts;
	if (tracer->collections.is_known)
		totals.counts.freelist_clears = tracer->collections.cnt;
	totals.execed = tracer->execed;
	result = visit(tracer->model->heap, &totals, context);
	event_stream__unlock(tracer->stream);
	return result;
}

int tracer__exec_fd(const struct tracer *tracer)
{
	return tracer->exec_fd;
}

void tracer__read_counters(struct tracer *tracer, struct counters *counters)
{
	probe_set__read_counters(tracer->probes, counters);
	event_stream__lock(tracer->stream);
	counters__add(counters, COUNTER_LOST, tracer->dropped_cnt);
	counters__set(counters, COUNTER_FORKS, tracer->fork_cnt);
	counters__set(counters, COUNTER_EVENTS_STALE, tracer->stale_cnt);
	counters__set(counters, COUNTER_SITES_UNUSABLE, tracer->unusable_cnt);
	counters__set(counters, COUNTER_DRIFT_UNCONFIRMED, tracer->unconfirmed_cnt);
	if (tracer->model)
		counters__set(counters, COUNTER_EVENTS_UNPLACED,
			      tracer->model->counts.unplaced_events);
	if (tracer->model)
		counters__set(counters, COUNTER_ARENAS_ABANDONED,
			      tracer->model->counts.abandoned_arenas);
	if (tracer->source)
		heap_source__count_refusals(tracer->source, counters);
	event_stream__unlock(tracer->stream);
}

bool tracer__has_execed(struct tracer *tracer)
{
	bool execed;

	event_stream__lock(tracer->stream);
	execed = tracer->execed;
	event_stream__unlock(tracer->stream);
	return execed;
}

int tracer__keeper_fd(const struct tracer *tracer)
{
	return probe_set__keeper_fd(tracer->probes);
}

int tracer__fork_fd(const struct tracer *tracer)
{
	return tracer->fork_fd;
}

int tracer__spare_children(struct tracer *tracer)
{
	uint64_t expirations;

	event_stream__lock(tracer->stream);
	tracer->fork_timer_runs = false;
	event_stream__unlock(tracer->stream);
	if (read(tracer->fork_fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return -errno;
	return probe_set__spare_children(tracer->probes);
}

int tracer__overrun_fd(const struct tracer *tracer)
{
	return tracer->pacer.overrun_fd;
}

int tracer__keep_budget(struct tracer *tracer)
{
	uint64_t resumptions = tracer->pacer.growth_resumptions;
	int err;

	if (tracer->pacer.overrun_fd < 0)
		return 0;
	err = live_activity__cpu_ns(tracer->pid, &tracer->cpu_ns);
	if (!err)
		err = pacer__tick(&tracer->pacer, tracer->cpu_ns);
	if (tracer->pacer.growth_resumptions == resumptions || !tracer->observer.growth_resumed)
		return err;
	/* What was emitted before the pause is handled first. */
	event_stream__drain(tracer->stream);
	event_stream__lock(tracer->stream);
	tracer->observer.growth_resumed(tracer->observer.context);
	event_stream__unlock(tracer->stream);
	return err;
}
