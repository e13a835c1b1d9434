// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/alerting.h"
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/profile_output.h"
#include "cmd/trace_all.h"
#include "cmd/trace_database.h"
#include "cmd/wakeups.h"
#include "host/growth.h"
#include "probes/tracer.h"
#include "pymalloc/heap_source.h"
#include "target/launch.h"
#include "trace/allocation_sites.h"
#include "trace/probing.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/sleep.h"
#include "util/units.h"

#define FULL_RING_BYTES	 (16UL << 20)
#define WATCH_RING_BYTES (4UL << 20) /* holds what a burst can tell */

/* How often a started program is asked whether its Python is up. */
#define HEAP_POLL_NS 1000000

/*
 * A target that is kept from running in mid-change, for longer than a reading waits, is read at the next
 * interval. What is never readable is damaged.
 */
#define SKIPS_MAX 10

struct trace {
	const struct options *options;
	struct launch launch; /* the command, if we started one */
	struct heap_source *source;
	struct tracer *tracer;
	struct allocation_sites sites;
	struct out_file *profile; /* where it will go; NULL: reports are wanted */
	struct pinned_history history;
	uint64_t counters[COUNTER_CNT];
	struct heap_reading reading; /* of the last checkpoint */
	double whole_reading_ms;     /* what reading all of the heap would take */
	struct timespec since;
	int skip_cnt; /* checkpoints skipped in a row */
	bool process_gone, ending;
	struct wakeups wakeups;
	struct alerting alerting;
	struct growth growth;
};

static void trace__release(struct trace *trace)
{
	launch__release(&trace->launch);
	tracer__free(trace->tracer);
	allocation_sites__release(&trace->sites);
	out_file__free(trace->profile);
	heap_source__free(trace->source);
	pinned_history__free(&trace->history);
	wakeups__close(&trace->wakeups);
	alerting__release(&trace->alerting);
}

static double seconds_since(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - since->tv_sec) + (double)(now.tv_nsec - since->tv_nsec) / 1e9;
}

/* What a report is made of, taken while events wait. */
struct state {
	struct trace *trace;
	struct findings findings;
	struct site_ranking sites;
	struct pin_summary pins; /* for alerts */
	struct report_tracing tracing;
	struct failure failure; /* why there is no database */
};

static void state__release(struct state *state)
{
	findings__free(&state->findings);
	site_ranking__free(&state->sites);
	pin_summary__release(&state->pins);
}

static struct report_cost describe_cost(const struct trace *trace, const struct tracer_cost *cost)
{
	return (struct report_cost){
		.budget = trace->options->mode == TRACE_FULL ? -1 : trace->options->budget,
		.hits = cost->hits[HITS_EMULATED] + cost->hits[HITS_STEPPED],
		.ignored_hits = cost->hits[HITS_IGNORED],
		.ns_per_hit = cost->ns_per_hit,
		.spent_ns = cost->spent_ns,
		.cpu_ns = cost->cpu_ns,
		.burst_cnt = cost->burst_cnt,
		.burst_s = (double)cost->burst_ns / 1e9,
		.growth_pauses = cost->growth_pauses,
		.has_bursts = cost->has_bursts,
	};
}

static struct report_tracing describe_tracing(const struct trace *trace,
					      const struct tracer_totals *totals)
{
	const struct model_counts *counts = &totals->counts;

	return (struct report_tracing){
		.cost = describe_cost(trace, &totals->cost),
		.mode = trace->options->mode == TRACE_FULL ? "full" : "watch",
		.probe_sites = totals->probe_sites,
		.allocs = counts->allocs,
		.frees = counts->frees,
		.new_pools = counts->new_pools,
		.pools_freed = counts->pools_freed,
		.arenas_mapped = counts->arenas_mapped,
		.arenas_unmapped = counts->arenas_unmapped,
		.freelist_clears = counts->freelist_clears,
		.resyncs = counts->resyncs,
		.missed_allocs = counts->missed_allocs,
		.missed_frees = counts->missed_frees,
		.drift_blocks = counts->drift_blocks,
		.follows_blocks = trace->options->mode == TRACE_FULL,
		.sees_pool_frees = totals->sees_pool_frees,
		.sees_arena_maps = totals->sees_arena_maps,
		.sees_arena_unmaps = totals->sees_arena_unmaps,
		.sees_freelist_clears = totals->sees_freelist_clears,
		.traced_for_s = seconds_since(&trace->since),
	};
}

static struct output output_of(struct state *state)
{
	struct trace *trace = state->trace;
	const struct heap_reading *reading = &trace->reading;

	return (struct output){
		.options = trace->options,
		.source = trace->source,
		.process_gone = trace->process_gone,
		.tracing = &state->tracing,
		.sites = trace->sites.ledger ? &state->sites : NULL,
		.snapshot = {.target_slept = reading->target_slept,
			     .duration_ms = reading->duration_ms,
			     .paused_ms = reading->paused_ms,
			     .calm_pools = reading->counts.calm_pools,
			     .unchanged_pools = reading->counts.unchanged_pools,
			     .scrubbed_pools = reading->counts.scrubbed_pools},
		.history = &trace->history,
		.counters = trace->counters,
	};
}

static int take_state(const struct heap *heap, const struct tracer_totals *totals, void *context)
{
	struct state *state = context;
	struct trace *trace = state->trace;
	struct output output = output_of(state);
	int err;

	state->tracing = describe_tracing(trace, totals);
	failure__set(&state->failure, 0, "out of memory");
	err = output__find(&output, heap, &state->findings);
	if (!err && trace->sites.ledger)
		err = allocation_sites__collect(&trace->sites, heap, totals, &state->findings,
						trace->counters, &state->sites);
	if (err || !trace->ending || trace->options->format != FORMAT_DATABASE)
		return err;
	return trace_database__write(&output, &state->findings, heap, trace->sites.ledger,
				     &state->failure);
}

/* What kinds of objects pin, while events wait; that it cannot be told is no failure. */
static int find_kinds(const struct heap *heap, const struct tracer_totals *totals, void *context)
{
	struct state *state = context;
	struct failure failure;
	int err = pin_summary__add_kinds(&state->pins, state->trace->source, heap,
					 &state->findings.pinned, &failure);

	(void)totals;
	if (err)
		log_debug("%s", failure.text);
	return err == -ENOMEM ? err : 0;
}

static int check_alerts(struct trace *trace, struct state *state)
{
	uint64_t arena_bytes = state->findings.measure.totals.arena_bytes;
	struct alert_subject subject = {
		.pid = trace->source->process->pid,
		.keys = {[ALERT_KEY_COMM] = trace->source->process->comm},
		.findings = &state->findings,
		.growth_per_minute =
			growth__add(&trace->growth, clock_ns(CLOCK_MONOTONIC), arena_bytes),
		.pins = &state->pins,
	};
	int err = 0;

	if (!trace->alerting.alerts.rule_cnt)
		return 0;
	err = pin_summary__add_sites(&state->pins, &state->sites);
	if (!err)
		err = alerting__check(&trace->alerting, &subject, 1);
	if (err || !subject.wants_kinds)
		return err;
	err = tracer__visit(trace->tracer, find_kinds, state);
	if (err) {
		log_error("out of memory");
		return err;
	}
	subject.kinds_ns = clock_ns(CLOCK_MONOTONIC);
	return alerting__check(&trace->alerting, &subject, 1);
}

static int report(struct trace *trace)
{
	_cleanup_(state__release) struct state state = {.trace = trace};
	const struct output output = output_of(&state);
	int err;

	tracer__read_counters(trace->tracer, trace->counters);
	err = tracer__visit(trace->tracer, take_state, &state);
	if (err) {
		log_error("%s", state.failure.text);
		return err;
	}
	err = check_alerts(trace, &state);
	if (err)
		return err;
	if (options__want_reports(trace->options))
		return output__write(&output, &state.findings);
	if (trace->profile && trace->ending)
		return profile_output__write(trace->profile, trace->options, trace->source,
					     &state.sites, state.tracing.traced_for_s);
	return 0;
}

/* What reading the heap may take of the time between two readings; the last one is a whole one. */
#define READING_SHARE 0.005

/* To judge by the last reading; of a target that has slept nothing was read. */
static void note_reading(struct trace *trace)
{
	const struct checkpoint_counts *counts = &trace->reading.counts;
	double looked_at = (double)(counts->unchanged_pools + counts->scrubbed_pools);
	double share = looked_at > 0 ? looked_at / (looked_at + (double)counts->calm_pools) : 1;

	if (!trace->reading.target_slept)
		trace->whole_reading_ms = trace->reading.duration_ms / share;
}

static bool spares_calm(const struct trace *trace)
{
	return !trace->ending &&
	       trace->whole_reading_ms > READING_SHARE * 1000 * trace->options->interval_s;
}

/* Whether there is more to hope for from the next checkpoint than from giving up. */
static bool may_skip(const struct trace *trace, int err)
{
	return (err == -EAGAIN || err == -EUCLEAN) && trace->source->allocator_name &&
	       trace->skip_cnt < SKIPS_MAX;
}

/* The last report is made in any case, of what is known. */
static int skip(struct trace *trace, const struct failure *failure)
{
	trace->skip_cnt++;
	trace->counters[COUNTER_CHECKPOINTS_SKIPPED]++;
	log_note("%s: %s",
		 trace->ending ? "the heap is shown as it was before" : "no report this time",
		 failure->text);
	return trace->ending ? report(trace) : 0;
}

/* A checkpoint and a report of it. A target that exits meanwhile is no failure. */
static int checkpoint_and_report(struct trace *trace)
{
	const struct heap_reading_options options = {
		.pause = trace->options->pause,
		.checkpoint = {.max_memory_bytes = trace->options->max_memory_bytes,
			       .spare_calm = spares_calm(trace),
			       .progress = output__show_progress},
	};
	struct failure failure;
	int err;

	err = tracer__checkpoint(trace->tracer, &options, &trace->reading, trace->counters,
				 &failure);
	if (err == -ESRCH || (err && !process__is_alive(trace->source->process)))
		return 0;
	if (may_skip(trace, err))
		return skip(trace, &failure);
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	trace->skip_cnt = 0;
	note_reading(trace);
	return report(trace);
}

static void describe_end(const struct trace *trace, enum wakeup wakeup)
{
	const struct process *process = trace->source->process;
	struct units_text traced = units__seconds(seconds_since(&trace->since));

	if (tracer__has_execed(trace->tracer))
		log_note("process %d (%s) executed another program; the trace ends with the state "
			 "before it",
			 process->pid, process->comm);
	else if (wakeup == WAKEUP_EXIT)
		log_note("process %d (%s) has exited, after %s of tracing", process->pid,
			 process->comm, traced.text);
	if (trace->counters[COUNTER_FORKS])
		log_note("process %d forked %s times; children are not traced", process->pid,
			 units__count(trace->counters[COUNTER_FORKS]).text);
}

/* Children that the target forks pay for the probes until they are spared. */
static void spare_children(struct trace *trace)
{
	int err = tracer__spare_children(trace->tracer);

	if (err && process__is_alive(trace->source->process))
		log_note("process %d forked; its children are slowed down by the probes until the "
			 "trace ends: %s",
			 trace->source->process->pid, strerror(-err));
}

/* What is to be done before it goes on. */
static int act_on(struct trace *trace, enum wakeup wakeup)
{
	int err;

	switch (wakeup) {
	case WAKEUP_FORK:
		spare_children(trace);
		return 0;
	case WAKEUP_TICK:
	case WAKEUP_OVERRUN:
		err = tracer__keep_budget(trace->tracer);
		if (!err || !process__is_alive(trace->source->process))
			return 0;
		log_error("process %d: cannot keep the budget: %s", trace->source->process->pid,
			  strerror(-err));
		return err;
	default:
		return checkpoint_and_report(trace);
	}
}

/* Reports until something ends it; the last report is the state at the end. */
static int run_loop(struct trace *trace)
{
	enum wakeup wakeup = WAKEUP_INTERVAL;
	int err;

	err = checkpoint_and_report(trace);
	/* A program that we started cannot have got past its exit before it was looked at. */
	launch__release(&trace->launch);
	while (!err) {
		err = wakeups__wait(&trace->wakeups, &wakeup);
		if (err)
			log_error("cannot wait: %s", strerror(-err));
		if (err || wakeup > WAKEUP_INTERVAL || tracer__has_execed(trace->tracer))
			break;
		err = act_on(trace, wakeup);
	}
	if (err)
		return err;
	trace->ending = true;
	trace->process_gone = wakeup == WAKEUP_EXIT || tracer__has_execed(trace->tracer);
	if (trace->process_gone && !trace->source->allocator_name) {
		log_error("process %d (%s) ended before its heap could be read",
			  trace->source->process->pid, trace->source->process->comm);
		return -ESRCH;
	}
	err = trace->process_gone ? report(trace) : checkpoint_and_report(trace);
	describe_end(trace, wakeup);
	return err;
}

static int probe(struct trace *trace, pid_t pid, const struct module *module,
		 struct failure *failure)
{
	const struct tracer_options options = {
		.follow_blocks = trace->options->mode == TRACE_FULL,
		.budget = trace->options->budget,
		.with_stacks = !trace->options->no_stacks,
		.ring_bytes =
			trace->options->mode == TRACE_FULL ? FULL_RING_BYTES : WATCH_RING_BYTES,
	};

	return probing__start(&trace->tracer, pid, module, &options, !trace->options->no_cache,
			      failure);
}

/* The Python is up: its heap can be followed, and its stacks. */
static int follow(struct trace *trace, bool from_first_allocation, struct failure *failure)
{
	const struct allocation_sites_options options = {
		.no_stacks = trace->options->no_stacks,
		.keeps_blocks = trace->options->mode == TRACE_FULL,
		.sample_bytes = trace->options->sample_bytes,
		.max = options__want_reports(trace->options) ? SITES_REPORTED_MAX : SIZE_MAX,
	};
	int err = allocation_sites__prepare(&trace->sites, trace->tracer, trace->source, &options);

	if (err)
		return failure__set(failure, err, "out of memory");
	err = tracer__follow(trace->tracer, trace->source, allocation_sites__runtime(&trace->sites),
			     from_first_allocation, failure);
	if (!err && trace->profile && !trace->sites.ledger)
		return failure__set(failure, -ENOTSUP,
				    "process %d: there is no profile without stacks",
				    trace->source->process->pid);
	if (!err)
		allocation_sites__start(&trace->sites);
	log_debug("process %d is traced", trace->source->process->pid);
	return err;
}

static int start_on_process(struct trace *trace, struct failure *failure)
{
	int err;

	err = heap_source__open(&trace->source, trace->options->pid, failure);
	if (!err)
		err = probe(trace, trace->options->pid, trace->source->python->module, failure);
	return err ? err : follow(trace, false, failure);
}

struct start {
	struct trace *trace;
	struct failure *failure;
};

/* Whether a Python is mapped in the started program; if so, probes it. */
static int probe_if_python(pid_t pid, void *context)
{
	_cleanup_(process__freep) struct process *process = NULL;
	_cleanup_(module__freep) struct module *module = NULL;
	struct start *start = context;
	int err;

	err = process__open(&process, pid, start->failure);
	if (err)
		return err;
	err = python__find_module(&module, process);
	if (err == -ENOEXEC)
		return 0;
	if (!err)
		err = probe(start->trace, pid, module, start->failure);
	return err ? err : 1;
}

static int describe_early_end(const struct trace *trace, int err, struct failure *failure)
{
	const char *name = trace->options->arguments[0];

	if (err == -ENOEXEC)
		return failure__set(failure, err,
				    "'%s' executed another program before its Python was up", name);
	return failure__set(failure, -ESRCH, "'%s' ended before its Python was up", name);
}

/*
 * Waits until the program's Python has come up. The program is stopped whenever it is looked at, so that
 * not even the shortest one gets away.
 */
static int wait_for_heap(struct trace *trace, struct failure *failure)
{
	for (;;) {
		int state = launch__hold(&trace->launch), err = -EAGAIN;

		if (state >= 0 && tracer__event_cnt(trace->tracer))
			err = heap_source__open(&trace->source, trace->launch.pid, failure);
		if (state >= 0 && err != -EAGAIN && err != -ENODATA)
			return err;
		if (tracer__has_execed(trace->tracer))
			return describe_early_end(trace, -ENOEXEC, failure);
		if (state || launch__resume(&trace->launch))
			return describe_early_end(trace, -ESRCH, failure);
		sleep_ns(HEAP_POLL_NS);
	}
}

static int start_command(struct trace *trace, struct failure *failure)
{
	struct start start = {.trace = trace, .failure = failure};
	int err;

	err = launch__start(&trace->launch, trace->options->arguments, failure);
	if (err)
		return err;
	err = launch__run_until(&trace->launch, probe_if_python, &start);
	if (err == -ECHILD)
		return failure__set(
			failure, -ENOEXEC,
			"'%s' ended without having run a Python (children are not followed: "
			"start the Python itself)",
			trace->options->arguments[0]);
	if (!err)
		err = wait_for_heap(trace, failure);
	return err ? err : follow(trace, true, failure);
}

/* Options that contradict each other: -EINVAL after one line on stderr. */
static int check_options(const struct options *options)
{
	bool wants_profile = options__want_profile(options);

	if (!!options->pid + !!options->argument_cnt + options->all != 1)
		log_error("trace: what? give a process with -p PID, all of them with -a, or a "
			  "command: -- CMD ARGS");
	else if (options->all && (options->mode == TRACE_FULL || !options__want_reports(options)))
		log_error(
			"trace: -a is for reports in mode watch; give one process with -p PID for "
			"more");
	else if (!options->all &&
		 (options->comm || options->user || options->cgroup || options->match))
		log_error("trace: --comm, --user, --cgroup and --match go with -a");
	else if (options->mode == TRACE_FULL && options->budget_given)
		log_error("trace: --mode full knows no budget; leave out one of the two");
	else if (options->output_path && options__want_reports(options))
		log_error("trace: -o goes with --format pprof, collapsed or database; reports go "
			  "to stdout");
	else if (options->format == FORMAT_DATABASE && !options->output_path)
		log_error("trace: which file is the database to be? give one with -o FILE");
	else if (options->no_stacks && wants_profile)
		log_error("trace: a profile is made of stacks; leave out --stacks none");
	else
		return 0;
	return -EINVAL;
}

static int run_trace(const struct options *options)
{
	_cleanup_(trace__release) struct trace trace = {.options = options,
							.wakeups = WAKEUPS_CLOSED};
	struct failure failure;
	int err;

	err = check_options(options);
	if (!err && options->all)
		return trace_all__run(options);
	if (!err)
		err = alerting__init(&trace.alerting, options);
	if (!err && options__want_profile(options))
		err = profile_output__open(&trace.profile, options);
	if (err)
		return err;
	err = options->pid ? start_on_process(&trace, &failure) : start_command(&trace, &failure);
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	clock_gettime(CLOCK_MONOTONIC, &trace.since);
	err = wakeups__open(&trace.wakeups, trace.tracer, trace.source->process,
			    options->interval_s, options->duration_s);
	if (err) {
		log_error("cannot set up timers: %s", strerror(-err));
		return err;
	}
	return alerting__result(&trace.alerting, run_loop(&trace));
}

const struct command command_trace = {
	.name = "trace",
	.arguments = "-p PID [OPTIONS] | -a [OPTIONS] | [OPTIONS] -- CMD ARGS",
	.starts_command = true,
	.summary = "follow the heap of a process, reporting at intervals",
	.description =
		"Reports the heap of a running CPython process, at once, then every interval, and when it\n"
		"ends: at Ctrl-C, after --duration, or when the process exits or executes another program.\n"
		"With a command in place of a process, starts the command and traces it from the beginning.\n"
		"With -a it shows all Pythons of the host, as they come and go, a line each (with --json a\n"
		"report each): heaps are read, nothing is probed, and the budget is of one core.\n"
		"Mode watch reads what has changed in the heap at each report, and watches where it grows and\n"
		"shrinks; what is left of the budget goes into short bursts in which each allocation is seen.\n"
		"Mode full follows each allocation and free by a probe, which takes about a microsecond each.",
	.options = (const enum option_id[]){OPTION_PID,
					    OPTION_ALL,
					    OPTION_COMM,
					    OPTION_USER,
					    OPTION_CGROUP,
					    OPTION_MATCH,
					    OPTION_ALERT,
					    OPTION_ALERT_TO,
					    OPTION_SITES,
					    OPTION_INTERVAL,
					    OPTION_DURATION,
					    OPTION_MODE,
					    OPTION_BUDGET,
					    OPTION_STACKS,
					    OPTION_SAMPLE_BYTES,
					    OPTION_FORMAT,
					    OPTION_VALUE,
					    OPTION_OUTPUT,
					    OPTION_NO_VALUES,
					    OPTION_JSON,
					    OPTION_MAP,
					    OPTION_PAUSE,
					    OPTION_BELOW,
					    OPTION_BLOCKS,
					    OPTION_MAX_MEMORY,
					    OPTION_NO_CACHE,
					    OPTION_VERBOSE,
					    OPTION_HELP,
					    0},
	.run = run_trace,
};
