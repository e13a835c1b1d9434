// SPDX-License-Identifier: BSD-2-Clause
/*
 * Everything that requires the heap is computed while events wait. Writing follows later and may
 * take as long as its reader needs, except for writers that require the heap itself.
 */
#include "trace/trace_report.h"

#include <errno.h>
#include <time.h>

#include "analysis/malloc_changes.h"
#include "analysis/malloc_use.h"
#include "analysis/memory_use.h"
#include "analysis/memory_watch.h"
#include "analysis/other_malloc_use.h"
#include "snapshot/heap_census.h"
#include "target/reading_allowance.h"
#include "target/shortage.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* The share of a core for reading all memory that is not in arenas. */
#define MEMORY_SHARE 0.005

double trace_report__seconds(const struct trace_session *session)
{
	return (double)(clock_ns(CLOCK_MONOTONIC) - session->since_ns) / 1e9;
}

/* Everything that a report consists of. */
struct state {
	struct trace_session *session;
	struct findings findings;
	struct site_ranking sites;
	struct pin_summary pins; /* for alerts */
	struct report_tracing tracing;
	struct report report; /* refers to the members above */
	struct failure *failure;
};

static void state__release(struct state *state)
{
	findings__free(&state->findings);
	site_ranking__free(&state->sites);
	pin_summary__release(&state->pins);
}

static struct report_tracing describe_tracing(const struct trace_session *session,
					      const struct tracer_totals *totals)
{
	const struct trace_options *trace = session->setup.trace;
	bool is_full = trace->mode == TRACE_FULL;

	return (struct report_tracing){
		.mode = is_full ? "full" : "watch",
		.budget = is_full ? -1 : trace->pace.budget,
		.follows_blocks = is_full,
		.traced_for_s = trace_report__seconds(session),
		.totals = *totals,
	};
}

static void describe(struct state *state)
{
	const struct trace_session *session = state->session;
	const struct heap_reading *reading = &session->reading;
	struct report *report = &state->report;

	report__begin(report, session->source);
	report->no_values = session->setup.snapshot->census.no_values;
	report->findings = &state->findings;
	report->tracing = &state->tracing;
	report->sites = session->sites.ledger ? &state->sites : NULL;
	report->snapshot = (struct report_snapshot){
		.target_slept = reading->target_slept,
		.duration_ms = reading->duration_ms,
		.paused_ms = reading->paused_ms,
		.calm_pools = reading->counts.calm_spans,
		.unchanged_pools = reading->counts.unchanged_spans,
		.scrubbed_pools = reading->counts.scrubbed_spans,
	};
	report->counters = &session->counters;
}

static int collect_findings(struct state *state, const struct heap *heap)
{
	struct trace_session *session = state->session;

	return findings__collect(&state->findings, heap,
				 session->departure ? NULL : session->source->target,
				 &session->setup.snapshot->findings, &session->history,
				 clock_ns(CLOCK_MONOTONIC), &session->counters);
}

/* Whether this report is written. */
static bool is_due(const struct trace_session *session)
{
	return session->ending || !session->setup.output->writer->at_end;
}

/* Compares malloc with what it had. A report does without. */
static int note_malloc(struct trace_session *session, struct report *report)
{
	struct malloc_changes *changes = &session->malloc_changes;
	int err = malloc_changes__note(changes, &session->memory.memory, session->memory.read_ns,
				       session->source->account);

	if (changes->first.read_ns && changes->now.read_ns)
		report->malloc_changes = changes;
	if (err)
		counters__add(&session->counters, COUNTER_MEMORY_SKIPPED, 1);
	return err == -ENOMEM ? err : 0;
}

static int report_memory(struct state *state)
{
	const struct memory_watch *watch = &state->session->memory;
	struct report *report = &state->report;
	int err;

	report->memory_use = memory_use__if_known(&watch->memory.use);
	report->malloc_use = process_memory__malloc(&watch->memory);
	report->malloc_map = process_memory__map(&watch->memory);
	report->other_mallocs = &watch->memory.other_mallocs;
	report->loaded_mallocs = &watch->memory.loaded_mallocs;
	report->memory_age_s = (double)(clock_ns(CLOCK_MONOTONIC) - watch->read_ns) / 1e9;
	err = note_malloc(state->session, report);
	return err ? failure__set(state->failure, err, "out of memory") : 0;
}

/* Writes a report for a writer that needs the whole heap and its references. */
static int write_with_graph(struct state *state, const struct heap *heap)
{
	_cleanup_(heap_census__release) struct heap_census census = {};
	struct trace_session *session = state->session;
	struct memory_watch *watch = &session->memory;
	struct target *target = session->source->target;
	struct snapshot_options options = *session->setup.snapshot;
	struct heap_census_of of = {
		.source = session->source,
		.heap = heap,
		.pinned = &state->findings.pinned,
		.ledger = session->sites.ledger,
	};
	const struct heap_reading_options reading = {.pause = options.reading.pause};
	int err;

	if (session->departure)
		return failure__set(state->failure, -ESRCH,
				    "process %d (%s) %s before the %s was written; end the trace "
				    "earlier (-d)",
				    target->pid, target->comm, session->departure,
				    session->setup.output->writer->noun);
	options.census.with_graph = true;
	/* This limits reading. Writing is bounded by what was found. */
	reading_allowance__begin(READING_REFERENCES, target->pid, options.reading.max_cpu_s);
	err = memory_watch__read(watch, session->source, &state->findings, &reading,
				 &session->counters, state->failure);
	of.mallocs = watch->memory.mallocs;
	if (!err)
		err = heap_census__take(&census, &of, &options, &session->counters, state->failure);
	err = reading_allowance__end(target->pid, err, state->failure);
	if (err)
		return err;
	err = report_memory(state);
	if (err)
		return err;
	heap_census__add_to(&census, &of, &options.census, &state->report);
	return report_output__write(session->setup.output, &state->report, state->failure);
}

static int collect(struct state *state, const struct tracer_view *view)
{
	struct trace_session *session = state->session;
	int err;

	state->tracing = describe_tracing(session, &view->totals);
	err = collect_findings(state, view->heap);
	if (!err && session->sites.ledger)
		err = allocation_sites__collect(&session->sites, view->heap, &view->totals,
						&state->findings, &session->counters,
						&state->sites);
	if (err)
		return shortage__describe(session->source->target, err, state->failure);
	describe(state);
	return session->setup.output->writer->needs_graph && is_due(session)
		       ? write_with_graph(state, view->heap)
		       : 0;
}

/* Makes events wait and starts the CPU time allowance for reading the heap. */
static void hold(struct state *state, struct tracer_view *view)
{
	const struct trace_session *session = state->session;

	reading_allowance__begin(READING_HEAP, session->source->target->pid,
				 session->setup.snapshot->reading.max_cpu_s);
	tracer__hold(session->tracer, view);
}

static int resume(struct state *state, int err)
{
	const struct trace_session *session = state->session;

	tracer__resume(session->tracer);
	return reading_allowance__end(session->source->target->pid, err, state->failure);
}

static int take_state(struct state *state)
{
	struct tracer_view view;

	hold(state, &view);
	return resume(state, collect(state, &view));
}

/*
 * Adds which kinds of objects pin arenas. It is not an error if that is unknown or takes too long.
 */
static int find_kinds(struct state *state)
{
	struct tracer_view view;
	struct failure failure;
	int err;

	hold(state, &view);
	err = pin_summary__add_kinds(&state->pins, state->session->source, view.heap,
				     &state->findings.pinned, &failure);
	if (err)
		log_debug("%s", failure.text);
	err = resume(state, err == -ENOMEM ? err : 0);
	return err == -ETIME ? 0 : err;
}

static int check_alerts(struct state *state)
{
	struct trace_session *session = state->session;
	struct alerting *alerting = session->setup.alerting;
	uint64_t arena_bytes = state->findings.measure.totals.region_bytes;
	struct alert_subject subject = {
		.pid = session->source->target->pid,
		.keys = {[ALERT_KEY_APP] = session->identity.app,
			 [ALERT_KEY_COMM] = session->source->target->comm,
			 [ALERT_KEY_USER] = session->identity.user,
			 [ALERT_KEY_UNIT] = session->identity.unit},
		.measures = {.findings = &state->findings,
			     .growth_per_minute =
				     growth__add(&session->growth, clock_ns(CLOCK_MONOTONIC),
						 arena_bytes),
			     .memory = memory_figures__of(&session->memory.memory)},
		.pins = &state->pins,
	};
	int err;

	if (!alerting->alerts.rule_cnt)
		return 0;
	err = pin_summary__add_sites(&state->pins, &state->sites, PIN_SUMMARY_MAX);
	if (!err)
		err = alerting__check(alerting, &subject, 1);
	if (err || !subject.wants_kinds)
		return err;
	err = find_kinds(state);
	if (err)
		return err;
	subject.kinds_ns = clock_ns(CLOCK_MONOTONIC);
	return alerting__check(alerting, &subject, 1);
}

/* A writer that needs references has the memory read along with these. */
static bool should_read_memory(struct trace_session *session)
{
	bool is_reported = is_due(session) && !session->setup.output->writer->needs_graph,
	     is_wanted = is_reported || alerts__need_memory(&session->setup.alerting->alerts);

	return is_wanted && !session->departure &&
	       memory_watch__is_due(&session->memory, session->source->target,
				    clock_ns(CLOCK_MONOTONIC), session->ending ? 0 : MEMORY_SHARE);
}

/* Reads all memory that is not in arenas, while events are taken in. A report does without. */
static int read_memory(struct state *state)
{
	struct trace_session *session = state->session;
	const struct reading_options *reading = &session->setup.snapshot->reading;
	const struct heap_reading_options options = {.pause = reading->pause};
	pid_t pid = session->source->target->pid;
	struct failure failure;
	int err;

	reading_allowance__begin(READING_HEAP, pid, reading->max_cpu_s);
	err = memory_watch__read(&session->memory, session->source, &state->findings, &options,
				 &session->counters, &failure);
	err = reading_allowance__end(pid, err, &failure);
	if (!err)
		return 0;
	counters__add(&session->counters, COUNTER_MEMORY_SKIPPED, 1);
	log_debug("%s", failure.text);
	return err == -ENOMEM ? failure__set(state->failure, err, "out of memory") : 0;
}

int trace_report__make(struct trace_session *session, struct failure *failure)
{
	_cleanup_(state__release) struct state state = {.session = session, .failure = failure};
	const struct report_writer *writer = session->setup.output->writer;
	int err;

	tracer__read_counters(session->tracer, &session->counters);
	err = take_state(&state);
	if (!err && should_read_memory(session))
		err = read_memory(&state);
	if (err)
		return err;
	err = check_alerts(&state);
	if (err)
		return failure__set(failure, err, "out of memory");
	session->report_cnt++;
	if (writer->needs_graph || !is_due(session))
		return 0;
	err = report_memory(&state);
	return err ? err : report_output__write(session->setup.output, &state.report, failure);
}
