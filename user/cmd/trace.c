// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/profile_output.h"
#include "cmd/trace_all.h"
#include "cmd/trace_session.h"
#include "probes/keeper.h"
#include "probes/loader.h"
#include "target/reading_allowance.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/units.h"

/*
 * A target that is kept from running in mid-change, for longer than a reading waits, is read at the
 * next interval. What is never readable is damaged.
 */
#define SKIPS_MAX 10

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
	identity__release(&trace->identity);
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
	return (err == -EAGAIN || err == -EUCLEAN || err == -ETIME) &&
	       trace->source->allocator_name && trace->skip_cnt < SKIPS_MAX;
}

/* The last report is made in any case, of what is known. */
static int skip(struct trace *trace, const struct failure *failure)
{
	trace->skip_cnt++;
	counters__add(&trace->counters, COUNTER_CHECKPOINTS_SKIPPED, 1);
	log_note("%s: %s",
		 trace->ending ? "the report shows the heap as it was before"
			       : "no report this time",
		 failure->text);
	return trace->ending ? trace__report(trace) : 0;
}

/* A checkpoint and a report of it. A target that exits meanwhile is no failure. */
static int checkpoint_and_report(struct trace *trace)
{
	const struct heap_reading_options options = {
		.pause = trace->options->pause,
		.checkpoint = {.spare_calm = spares_calm(trace), .progress = output__show_progress},
	};
	const struct target *target = trace->source->target;
	struct failure failure;
	int err;

	reading_allowance__begin(READING_HEAP, target->pid, trace->options->max_cpu_s);
	err = tracer__checkpoint(trace->tracer, &options, &trace->reading, &trace->counters,
				 &failure);
	err = reading_allowance__end(target->pid, err, &failure);
	if (err == -ESRCH || (err && !target__is_alive(trace->source->target)))
		return 0;
	if (may_skip(trace, err))
		return skip(trace, &failure);
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	trace->skip_cnt = 0;
	note_reading(trace);
	return trace__report(trace);
}

static void describe_end(const struct trace *trace, enum wakeup wakeup)
{
	const struct target *target = trace->source->target;
	struct units_text traced = units__seconds(trace__seconds(trace));

	if (tracer__has_execed(trace->tracer))
		log_note("process %d (%s) executed another program; the trace ends with the state "
			 "before it",
			 target->pid, target->comm);
	else if (wakeup == WAKEUP_EXIT)
		log_note("process %d (%s) has exited, after %s of tracing", target->pid,
			 target->comm, traced.text);
	if (counters__get(&trace->counters, COUNTER_FORKS))
		log_note("process %d forked %s; children are not traced", target->pid,
			 units__counted(counters__get(&trace->counters, COUNTER_FORKS), "time")
				 .text);
}

/* Nothing is probed any more, so what a report would say of events is not all of it. */
static int end_without_keeper(const struct trace *trace)
{
	log_error("process %d: the process that holds the probes (pyfrag-keeper) was killed; the "
		  "probes are removed, and the trace ends",
		  trace->source->target->pid);
	return -EPIPE;
}

/* Children that the target forks pay for the probes until they are spared. */
static void spare_children(struct trace *trace)
{
	int err = tracer__spare_children(trace->tracer);

	if (err && target__is_alive(trace->source->target))
		log_note("process %d forked; the probes slow its children down until the trace "
			 "ends: %s",
			 trace->source->target->pid, probe_set__error_text(err));
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
		if (!err || !target__is_alive(trace->source->target))
			return 0;
		if (err == -EPIPE)
			return end_without_keeper(trace);
		log_error("process %d: cannot keep the budget: %s", trace->source->target->pid,
			  probe_set__error_text(err));
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
	if (wakeup == WAKEUP_KEEPER)
		return end_without_keeper(trace);
	trace->ending = true;
	trace->process_gone = wakeup == WAKEUP_EXIT || tracer__has_execed(trace->tracer);
	if (trace->process_gone && !trace->source->allocator_name) {
		log_error("process %d (%s) ended before its heap could be read",
			  trace->source->target->pid, trace->source->target->comm);
		return -ESRCH;
	}
	err = trace->process_gone ? trace__report(trace) : checkpoint_and_report(trace);
	describe_end(trace, wakeup);
	return err;
}

/* Options that would have no effect: -EINVAL after one line on stderr. */
static int refuse_ignored(const struct options *options)
{
	static const enum option_id of_one[] = {OPTION_STACKS, OPTION_SAMPLE_BYTES, OPTION_MAP,
						OPTION_PAUSE, 0},
				    of_json[] = {OPTION_JSON, 0}, of_value[] = {OPTION_VALUE, 0},
				    of_reports[] = {OPTION_MAP, OPTION_BLOCKS, 0},
				    of_alerts[] = {OPTION_ALERT_TO, 0};
	int err = 0;

	if (options->all)
		err = options__refuse(&command_trace, options, of_one,
				      "is for one process; give -p PID instead of -a");
	if (!err && options->format != FORMAT_JSON)
		err = options__refuse(
			&command_trace, options, of_json,
			"means --format json, but another --format is given; leave out one of "
			"them");
	if (!err && options->format != FORMAT_COLLAPSED)
		err = options__refuse(
			&command_trace, options, of_value,
			"requires --format collapsed; the format pprof contains all values");
	if (!err && !options__want_reports(options))
		err = options__refuse(&command_trace, options, of_reports,
				      "applies to reports; leave out this option or --format");
	if (!err && !options->alerts.cnt)
		err = options__refuse(&command_trace, options, of_alerts, "requires --alert");
	return err;
}

/* Options that contradict each other: -EINVAL after one line on stderr. */
static int check_options(const struct options *options)
{
	bool wants_profile = options__want_profile(options);

	int what_cnt = !!options->pid + !!options->argument_cnt + options->all;

	if (!what_cnt)
		log_error("trace: give a process with -p PID, all processes with -a, or a command "
			  "with -- CMD ARGS");
	else if (what_cnt > 1)
		log_error("trace: give only one of -p PID, -a and -- CMD ARGS");
	else if (options->all && (options->mode == TRACE_FULL || !options__want_reports(options)))
		log_error("trace: -a supports only reports in mode watch; for other modes and "
			  "formats give one process with -p PID");
	else if (!options->all && (options->comm || options->user || options->cgroup ||
				   options->match || options->sites))
		log_error("trace: --comm, --user, --cgroup, --match and --sites require -a");
	else if (options->mode == TRACE_FULL && options__is_given(options, OPTION_BUDGET))
		log_error("trace: --mode full has no budget; leave out --mode full or --budget");
	else if (options->output_path && options__want_reports(options))
		log_error("trace: -o requires --format pprof, collapsed or database; reports are "
			  "written to stdout");
	else if (options->format == FORMAT_DATABASE && !options->output_path)
		log_error("trace: --format database requires a file; give it with -o FILE");
	else if (options->stacks == STACKS_NONE && wants_profile)
		log_error("trace: a profile requires stacks; leave out --stacks none");
	else if (options->format == FORMAT_PPROF && !options->output_path && isatty(STDOUT_FILENO))
		log_error(
			"trace: the format pprof is binary, and stdout is a terminal; write it to "
			"a file with -o FILE");
	else
		return refuse_ignored(options);
	return -EINVAL;
}

/* Before there are threads. */
static int start_keeper(void)
{
	struct failure failure;
	int err = keeper__start(NULL, &failure);

	if (err)
		log_error("%s", failure.text);
	return err;
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
		err = start_keeper();
	if (!err)
		err = alerting__init(&trace.alerting, options);
	if (!err && options__want_profile(options))
		err = profile_output__open(&trace.profile, options);
	if (err)
		return err;
	if (options->format == FORMAT_DATABASE)
		err = out_file__check(options->output_path, &failure);
	if (!err)
		err = trace__start(&trace, &failure);
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	trace.since_ns = clock_ns(CLOCK_MONOTONIC);
	err = wakeups__open(&trace.wakeups, trace.tracer, trace.source->target, options->interval_s,
			    options->duration_s);
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
		"Reports the heap of a running CPython process immediately, then at every "
		"interval, and once more at the end: at Ctrl-C, after --duration, or when the "
		"process exits or executes another program. With a command instead of a "
		"process, starts the command and traces it from its first allocation. With -a, "
		"lists all Python processes of the host, one line each (with --json, one report "
		"each), including those that start later; this only reads heaps, without "
		"probes, and the budget is a share of one core. Mode watch reads the changes of "
		"the heap for each report and probes the places where the heap grows and "
		"shrinks. It spends the rest of the budget on short bursts that record every "
		"allocation and free. Mode full records every allocation and free during the "
		"whole trace, which costs about a microsecond each.",
	.options = (const enum option_id[]){OPTION_PID,	       OPTION_ALL,	OPTION_COMM,
					    OPTION_USER,       OPTION_CGROUP,	OPTION_MATCH,
					    OPTION_ALERT,      OPTION_ALERT_TO, OPTION_SITES,
					    OPTION_INTERVAL,   OPTION_DURATION, OPTION_MODE,
					    OPTION_BUDGET,     OPTION_STACKS,	OPTION_SAMPLE_BYTES,
					    OPTION_FORMAT,     OPTION_VALUE,	OPTION_OUTPUT,
					    OPTION_NO_VALUES,  OPTION_JSON,	OPTION_MAP,
					    OPTION_PAUSE,      OPTION_BELOW,	OPTION_BLOCKS,
					    OPTION_MAX_MEMORY, OPTION_MAX_CPU,	OPTION_NO_CACHE,
					    OPTION_VERBOSE,    OPTION_HELP,	0},
	.help =
		(const struct option_help[]){
			{OPTION_MAX_MEMORY,
			 "limit of pyfrag's memory for one process; with --all: for all together"},
			{}},
	.run = run_trace,
};
