// SPDX-License-Identifier: BSD-2-Clause
#include "trace/trace_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "output/progress.h"
#include "probes/loader.h"
#include "target/reading_allowance.h"
#include "trace/trace_report.h"
#include "trace/trace_start.h"
#include "trace/trace_state.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/units.h"

/*
 * A target that stays stopped in the middle of a change for longer than a reading waits is read at
 * the next interval instead. A target that is never readable is considered damaged.
 */
#define SKIPS_MAX 10

/*
 * Share of the report interval that a complete reading may take. Beyond it, readings skip calm
 * arenas, except for the last one.
 */
#define READING_SHARE 0.005

void trace_session__free(struct trace_session *session)
{
	if (!session)
		return;
	launch__release(&session->launch);
	tracer__free(session->tracer);
	allocation_sites__release(&session->sites);
	memory_watch__release(&session->memory);
	malloc_changes__release(&session->malloc_changes);
	heap_source__free(session->source);
	pinned_history__free(&session->history);
	wakeups__close(&session->wakeups);
	identity__release(&session->identity);
	free(session);
}

void trace_session__freep(struct trace_session **session)
{
	trace_session__free(*session);
}

int trace_session__start(struct trace_session **out, const struct trace_setup *setup,
			 struct failure *failure)
{
	_cleanup_(trace_session__freep) struct trace_session *session = calloc(1, sizeof(*session));
	int err;

	if (!session)
		return failure__set(failure, -ENOMEM, "out of memory");
	session->setup = *setup;
	session->memory.detail =
		setup->snapshot->findings.with_map ? MEMORY_DRAWN : MEMORY_COMPLETE;
	session->wakeups = WAKEUPS_CLOSED;
	err = trace_start__begin(session, failure);
	if (err)
		return err;
	session->since_ns = clock_ns(CLOCK_MONOTONIC);
	session->malloc_changes.begun_ns = session->since_ns;
	err = wakeups__open(&session->wakeups, session->tracer, session->source->target,
			    setup->trace->pace.interval_s, setup->trace->duration_s);
	if (err)
		return failure__set(failure, err, "cannot set up timers: %s", strerror(-err));
	*out = TAKE_PTR(session);
	return 0;
}

int trace_session__fd(const struct trace_session *session)
{
	return session->wakeups.epoll_fd;
}

/* Estimates the time of a complete reading from the last reading, unless the target had slept. */
static void note_reading(struct trace_session *session)
{
	const struct checkpoint_counts *counts = &session->reading.counts;
	double looked_at = (double)(counts->unchanged_spans + counts->scrubbed_spans);
	double share = looked_at > 0 ? looked_at / (looked_at + (double)counts->calm_spans) : 1;

	if (!session->reading.target_slept)
		session->whole_reading_ms = session->reading.duration_ms / share;
}

static bool spares_calm(const struct trace_session *session)
{
	return !session->ending &&
	       session->whole_reading_ms >
		       READING_SHARE * 1000 * session->setup.trace->pace.interval_s;
}

/* Whether the next checkpoint may succeed, so that the trace should not end. */
static bool may_skip(const struct trace_session *session, int err)
{
	return (err == -EAGAIN || err == -EUCLEAN || err == -ETIME) &&
	       heap_source__main(session->source)->name && session->skip_cnt < SKIPS_MAX;
}

/* Skips a checkpoint. The last report is made nevertheless, from what is known. */
static int skip(struct trace_session *session, struct failure *failure)
{
	session->skip_cnt++;
	counters__add(&session->counters, COUNTER_CHECKPOINTS_SKIPPED, 1);
	log_note("%s; %s", failure->text,
		 session->ending ? "the last report shows the heap as it was read before"
				 : "skipping this report");
	return session->ending ? trace_report__make(session, failure) : 0;
}

/* Reads a checkpoint and reports it. If the target exits meanwhile, that is no error. */
static int checkpoint_and_report(struct trace_session *session, struct failure *failure)
{
	const struct reading_options *reading = &session->setup.snapshot->reading;
	const struct heap_reading_options options = {
		.pause = reading->pause,
		.checkpoint = {.spare_calm = spares_calm(session),
			       .progress = progress__show_reading},
	};
	const struct target *target = session->source->target;
	int err;

	reading_allowance__begin(READING_HEAP, target->pid, reading->max_cpu_s);
	err = tracer__checkpoint(session->tracer, &options, &session->reading, &session->counters,
				 failure);
	err = reading_allowance__end(target->pid, err, failure);
	if (err == -ESRCH || (err && !target__is_alive(target)))
		return 0;
	if (may_skip(session, err))
		return skip(session, failure);
	if (err)
		return err;
	session->skip_cnt = 0;
	note_reading(session);
	return trace_report__make(session, failure);
}

void trace_session__log_end(const struct trace_session *session)
{
	const struct target *target = session->source->target;
	uint64_t fork_cnt = counters__get(&session->counters, COUNTER_FORKS);

	if (!session->has_ended)
		return;
	if (tracer__has_execed(session->tracer))
		log_note("process %d (%s) executed another program; the last report, if there is "
			 "one, shows the heap before that",
			 target->pid, target->comm);
	else if (session->last_wakeup == WAKEUP_EXIT)
		log_note("process %d (%s) has exited after %s of tracing", target->pid,
			 target->comm, units__seconds(trace_report__seconds(session)).text);
	if (fork_cnt)
		log_note("process %d forked %s; children are not traced", target->pid,
			 units__counted(fork_cnt, "time").text);
}

/* Nothing is probed any more, so a report would miss events. */
static int end_without_keeper(const struct trace_session *session, struct failure *failure)
{
	return failure__set(failure, -EPIPE,
			    "process %d: pyfrag-keeper, which manages the probes, was killed; the "
			    "probes are removed, and the trace ends",
			    session->source->target->pid);
}

/* Children forked by the target are slowed down by the probes until they are exempted. */
static void spare_children(struct trace_session *session)
{
	int err = tracer__spare_children(session->tracer);

	if (err && target__is_alive(session->source->target))
		log_note("process %d: cannot remove the probes from its children, which run slower "
			 "until the trace ends: %s",
			 session->source->target->pid, probe_set__error_text(err));
}

static int keep_budget(struct trace_session *session, struct failure *failure)
{
	const struct target *target = session->source->target;
	int err = tracer__keep_budget(session->tracer);

	if (!err || !target__is_alive(target))
		return 0;
	return err == -EPIPE
		       ? end_without_keeper(session, failure)
		       : failure__set(
				 failure, err,
				 "process %d: cannot insert or remove probes to stay within the "
				 "budget: %s",
				 target->pid, probe_set__error_text(err));
}

/* Makes the last report, of the state at the end. */
static int end(struct trace_session *session, enum wakeup wakeup, struct failure *failure)
{
	const struct target *target = session->source->target;
	int err;

	if (wakeup == WAKEUP_KEEPER)
		return end_without_keeper(session, failure);
	session->ending = true;
	if (tracer__has_execed(session->tracer))
		session->departure = "executed another program";
	else if (wakeup == WAKEUP_EXIT)
		session->departure = "exited";
	if (session->departure && !heap_source__main(session->source)->name)
		return failure__set(failure, -ESRCH,
				    "process %d (%s) %s before its heap could be read", target->pid,
				    target->comm, session->departure);
	err = session->departure ? trace_report__make(session, failure)
				 : checkpoint_and_report(session, failure);
	if (!err)
		err = report_output__end(session->setup.output, failure);
	session->has_ended = true;
	session->last_wakeup = wakeup;
	return err;
}

static int begin(struct trace_session *session, struct failure *failure)
{
	int err = checkpoint_and_report(session, failure);

	session->has_begun = true;
	/* A started program is held at its exit until here, so that its heap can be read first. */
	launch__release(&session->launch);
	return err;
}

/* Does what is due while the trace continues. */
static int act_on(struct trace_session *session, enum wakeup wakeup, struct failure *failure)
{
	switch (wakeup) {
	case WAKEUP_FORK:
		spare_children(session);
		return 0;
	case WAKEUP_TICK:
	case WAKEUP_OVERRUN:
		return keep_budget(session, failure);
	default:
		return checkpoint_and_report(session, failure);
	}
}

int trace_session__poll(struct trace_session *session, enum trace_happened *happened,
			struct failure *failure)
{
	uint64_t report_cnt = session->report_cnt;
	enum wakeup wakeup;
	int err;

	*happened = TRACE_NOTHING;
	if (!session->has_begun) {
		err = begin(session, failure);
	} else {
		err = wakeups__take(&session->wakeups, &wakeup);
		if (err == -EAGAIN)
			return 0;
		if (err)
			return failure__set(failure, err, "cannot wait: %s", strerror(-err));
		if (wakeup > WAKEUP_INTERVAL || tracer__has_execed(session->tracer)) {
			*happened = TRACE_ENDED;
			return end(session, wakeup, failure);
		}
		err = act_on(session, wakeup, failure);
	}
	if (session->report_cnt != report_cnt)
		*happened = TRACE_REPORTED;
	return err;
}
