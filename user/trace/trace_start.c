// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdint.h>

#include "source/allocators.h"
#include "target/live.h"
#include "target/python.h"
#include "target/reading_allowance.h"
#include "target/shortage.h"
#include "trace/probing.h"
#include "trace/trace_start.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/sleep.h"

#define FULL_RING_BYTES	 (16UL << 20)
#define WATCH_RING_BYTES (4UL << 20) /* enough for the events of a burst */

/* How often to check whether the Python of a started program is up. */
#define HEAP_POLL_NS 1000000

static int probe(struct trace_session *session, pid_t pid, const struct module *module,
		 struct failure *failure)
{
	const struct trace_options *trace = session->setup.trace;
	const struct tracer_options options = {
		.follow_blocks = trace->mode == TRACE_FULL,
		.budget = trace->pace.budget,
		.with_stacks = trace->stacks != STACKS_NONE,
		.ring_bytes = trace->mode == TRACE_FULL ? FULL_RING_BYTES : WATCH_RING_BYTES,
	};

	return probing__start(&session->tracer, pid, module, &options, !trace->no_cache, failure);
}

/* Starts following the heap and its stacks, once the Python is up. */
static int follow(struct trace_session *session, bool from_first_allocation,
		  struct failure *failure)
{
	const struct report_writer *writer = session->setup.output->writer;
	const struct trace_options *trace = session->setup.trace;
	const struct allocation_sites_options options = {
		.no_stacks = trace->stacks == STACKS_NONE,
		.keeps_blocks = trace->mode == TRACE_FULL,
		.sample_bytes = trace->sample_bytes,
		.max = writer->needs_sites || writer->needs_graph ? SIZE_MAX : SITES_REPORTED_MAX,
	};
	int err = allocation_sites__prepare(&session->sites, session->tracer, session->source,
					    &options);

	if (err == -ETIME)
		return reading_allowance__describe(session->source->target->pid, failure);
	if (err)
		return shortage__describe(session->source->target, err, failure);
	err = tracer__follow(session->tracer, session->source,
			     allocation_sites__runtime(&session->sites), from_first_allocation,
			     failure);
	if (!err && writer->needs_sites && !session->sites.ledger)
		return failure__set(failure, -ENOTSUP,
				    "process %d: cannot record stacks, so no %s can be written",
				    session->source->target->pid, writer->noun);
	if (err)
		return err;
	allocation_sites__start(&session->sites);
	log_debug("tracing process %d", session->source->target->pid);
	return 0;
}

static int open_heap(struct trace_session *session, pid_t pid, struct failure *failure)
{
	struct target *target;
	const struct reading_options *reading = &session->setup.snapshot->reading;
	int err = live__open(&target, pid, failure);

	if (err)
		return err;
	target->memory->reads_swapped = reading->swapped;
	err = heap_source__open(&session->source, followed_allocators, target,
				reading->max_memory_bytes, NULL, failure);
	return err ? err : heap_source__add(session->source, unfollowed_allocators, failure);
}

static int open_process(struct trace_session *session, struct failure *failure)
{
	pid_t pid = session->setup.pid;
	int err;

	reading_allowance__begin(READING_HEAP, pid, session->setup.snapshot->reading.max_cpu_s);
	err = open_heap(session, pid, failure);
	return reading_allowance__end(pid, err, failure);
}

static int start_on_process(struct trace_session *session, struct failure *failure)
{
	const struct target *target;
	const struct module *module;
	int err = open_process(session, failure);

	if (err)
		return err;
	target = session->source->target;
	module = session->source->python->module;
	reading_allowance__begin_scan(module->fd, session->setup.snapshot->reading.max_cpu_s);
	err = probe(session, target->pid, module, failure);
	if (!err)
		err = follow(session, false, failure);
	return reading_allowance__end(target->pid, err, failure);
}

struct start {
	struct trace_session *session;
	struct failure *failure;
};

/*
 * Probes the started program if it has mapped a Python. Returns 1 if so, 0 if not yet, or negative
 * errno.
 */
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
		err = probe(start->session, pid, module, start->failure);
	return err ? err : 1;
}

static int describe_early_end(const struct trace_session *session, int err, struct failure *failure)
{
	const char *name = session->setup.command[0];

	if (err == -ENOEXEC)
		return failure__set(failure, err,
				    "'%s' executed another program before Python was initialized",
				    name);
	return failure__set(failure, -ESRCH, "'%s' exited before Python was initialized", name);
}

/*
 * Waits until the Python of the started program is up. The program is stopped during each check, so
 * that even a short one cannot end unnoticed.
 */
static int wait_for_heap(struct trace_session *session, struct failure *failure)
{
	for (;;) {
		int state = launch__hold(&session->launch), err = -EAGAIN;

		if (state >= 0 && tracer__event_cnt(session->tracer))
			err = open_heap(session, session->launch.pid, failure);
		if (state >= 0 && err != -EAGAIN && err != -ENODATA)
			return err;
		if (tracer__has_execed(session->tracer))
			return describe_early_end(session, -ENOEXEC, failure);
		if (state || launch__resume(&session->launch))
			return describe_early_end(session, -ESRCH, failure);
		sleep_ns(HEAP_POLL_NS);
	}
}

static int start_command(struct trace_session *session, struct failure *failure)
{
	struct start start = {.session = session, .failure = failure};
	int err;

	err = launch__start(&session->launch, session->setup.command, failure);
	if (err)
		return err;
	err = launch__run_until(&session->launch, probe_if_python, &start);
	if (err == -ECHILD)
		return failure__set(failure, -ENOEXEC,
				    "'%s' exited without running Python in this process (children "
				    "are not traced); start Python directly",
				    session->setup.command[0]);
	if (!err)
		err = wait_for_heap(session, failure);
	return err ? err : follow(session, true, failure);
}

int trace_start__begin(struct trace_session *session, struct failure *failure)
{
	int err = session->setup.pid ? start_on_process(session, failure)
				     : start_command(session, failure);

	/* Only alert rules need the identity. */
	if (err || !session->setup.alerting->alerts.rule_cnt)
		return err;
	err = identity__find(&session->identity, session->source->target);
	return err ? failure__set(failure, err, "out of memory") : 0;
}
