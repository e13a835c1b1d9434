// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdint.h>

#include "cmd/trace_session.h"
#include "target/live.h"
#include "target/python.h"
#include "target/reading_allowance.h"
#include "target/shortage.h"
#include "trace/probing.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/sleep.h"

#define FULL_RING_BYTES	 (16UL << 20)
#define WATCH_RING_BYTES (4UL << 20) /* holds what a burst can tell */

/* How often a started program is asked whether its Python is up. */
#define HEAP_POLL_NS 1000000

static int probe(struct trace *trace, pid_t pid, const struct module *module,
		 struct failure *failure)
{
	const struct tracer_options options = {
		.follow_blocks = trace->options->mode == TRACE_FULL,
		.budget = trace->options->budget,
		.with_stacks = trace->options->stacks != STACKS_NONE,
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
		.no_stacks = trace->options->stacks == STACKS_NONE,
		.keeps_blocks = trace->options->mode == TRACE_FULL,
		.sample_bytes = trace->options->sample_bytes,
		.max = options__want_reports(trace->options) ? SITES_REPORTED_MAX : SIZE_MAX,
	};
	int err = allocation_sites__prepare(&trace->sites, trace->tracer, trace->source, &options);

	if (err)
		return shortage__describe(trace->source->target, err, failure);
	err = tracer__follow(trace->tracer, trace->source, allocation_sites__runtime(&trace->sites),
			     from_first_allocation, failure);
	if (!err && trace->profile && !trace->sites.ledger)
		return failure__set(failure, -ENOTSUP,
				    "process %d: no stacks can be recorded, so there is no profile",
				    trace->source->target->pid);
	if (err)
		return err;
	allocation_sites__start(&trace->sites);
	log_debug("tracing process %d", trace->source->target->pid);
	return 0;
}

static int open_source(struct trace *trace, pid_t pid, struct failure *failure)
{
	struct target *target;
	int err = live__open(&target, pid, failure);

	return err ? err
		   : heap_source__open(&trace->source, target, trace->options->max_memory_bytes,
				       NULL, failure);
}

static int open_process(struct trace *trace, struct failure *failure)
{
	const struct options *options = trace->options;
	int err;

	reading_allowance__begin(READING_HEAP, options->pid, options->max_cpu_s);
	err = open_source(trace, options->pid, failure);
	return reading_allowance__end(options->pid, err, failure);
}

static int start_on_process(struct trace *trace, struct failure *failure)
{
	const struct target *target;
	const struct module *module;
	int err = open_process(trace, failure);

	if (err)
		return err;
	target = trace->source->target;
	module = trace->source->python->module;
	reading_allowance__begin_scan(module->fd, trace->options->max_cpu_s);
	err = probe(trace, target->pid, module, failure);
	if (!err)
		err = follow(trace, false, failure);
	return reading_allowance__end(target->pid, err, failure);
}

struct start {
	struct trace *trace;
	struct failure *failure;
};

/* Whether a Python is mapped in the started program; if so, probes it. */
static int probe_if_python(pid_t pid, void *context)
{
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_(module__freep) struct module *module = NULL;
	struct start *start = context;
	int err;

	err = live__open(&target, pid, start->failure);
	if (err)
		return err;
	err = python__find_module(&module, target);
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
				    "'%s' executed another program before its Python had started",
				    name);
	return failure__set(failure, -ESRCH, "'%s' ended before its Python had started", name);
}

/*
 * Waits until the program's Python has come up. The program is stopped whenever it is looked at, so
 * that not even the shortest one gets away.
 */
static int wait_for_heap(struct trace *trace, struct failure *failure)
{
	for (;;) {
		int state = launch__hold(&trace->launch), err = -EAGAIN;

		if (state >= 0 && tracer__event_cnt(trace->tracer))
			err = open_source(trace, trace->launch.pid, failure);
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
			"'%s' ended without running Python (pyfrag does not trace children; start "
			"Python itself)",
			trace->options->arguments[0]);
	if (!err)
		err = wait_for_heap(trace, failure);
	return err ? err : follow(trace, true, failure);
}

int trace__start(struct trace *trace, struct failure *failure)
{
	int err = trace->options->pid ? start_on_process(trace, failure)
				      : start_command(trace, failure);

	/* Only rules ask who it is. */
	if (err || !trace->alerting.alerts.rule_cnt)
		return err;
	err = identity__find(&trace->identity, trace->source->target);
	return err ? failure__set(failure, err, "out of memory") : 0;
}
