// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cmd/output.h"
#include "cmd/profile_output.h"
#include "cmd/trace_database.h"
#include "cmd/trace_session.h"
#include "target/reading_allowance.h"
#include "target/shortage.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

double trace__seconds(const struct trace *trace)
{
	return (double)(clock_ns(CLOCK_MONOTONIC) - trace->since_ns) / 1e9;
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

static struct report_tracing describe_tracing(const struct trace *trace,
					      const struct tracer_totals *totals)
{
	return (struct report_tracing){
		.mode = trace->options->mode == TRACE_FULL ? "full" : "watch",
		.budget = trace->options->mode == TRACE_FULL ? -1 : trace->options->budget,
		.follows_blocks = trace->options->mode == TRACE_FULL,
		.traced_for_s = trace__seconds(trace),
		.totals = *totals,
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
		.counters = &trace->counters,
	};
}

static int take_state(const struct heap *heap, const struct tracer_totals *totals, void *context)
{
	struct state *state = context;
	struct trace *trace = state->trace;
	struct output output = output_of(state);
	int err;

	state->tracing = describe_tracing(trace, totals);
	err = output__find(&output, heap, &state->findings);
	if (!err && trace->sites.ledger)
		err = allocation_sites__collect(&trace->sites, heap, totals, &state->findings,
						&trace->counters, &state->sites);
	if (err)
		return shortage__describe(trace->source->target, err, &state->failure);
	if (!trace->ending || trace->options->format != FORMAT_DATABASE)
		return 0;
	return trace_database__write(&output, &state->findings, heap, trace->sites.ledger,
				     &state->failure);
}

/*
 * What kinds of objects pin, while events wait; that it cannot be known, or takes too long to find
 * out, is no failure.
 */
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

/* What is worked out of the heap, in the time that reading it may take. */
static int visit(struct state *state,
		 int (*work)(const struct heap *heap, const struct tracer_totals *totals,
			     void *context))
{
	const struct target *target = state->trace->source->target;
	int err;

	reading_allowance__begin(READING_HEAP, target->pid, state->trace->options->max_cpu_s);
	err = tracer__visit(state->trace->tracer, work, state);
	return reading_allowance__end(target->pid, err, &state->failure);
}

static int check_alerts(struct trace *trace, struct state *state)
{
	uint64_t arena_bytes = state->findings.measure.totals.arena_bytes;
	struct alert_subject subject = {
		.pid = trace->source->target->pid,
		.keys = {[ALERT_KEY_APP] = trace->identity.app,
			 [ALERT_KEY_COMM] = trace->source->target->comm,
			 [ALERT_KEY_USER] = trace->identity.user,
			 [ALERT_KEY_UNIT] = trace->identity.unit},
		.findings = &state->findings,
		.growth_per_minute =
			growth__add(&trace->growth, clock_ns(CLOCK_MONOTONIC), arena_bytes),
		.pins = &state->pins,
	};
	int err = 0;

	if (!trace->alerting.alerts.rule_cnt)
		return 0;
	err = pin_summary__add_sites(&state->pins, &state->sites, PIN_SUMMARY_MAX);
	if (!err)
		err = alerting__check(&trace->alerting, &subject, 1);
	if (err || !subject.wants_kinds)
		return err;
	err = visit(state, find_kinds);
	if (err && err != -ETIME) {
		log_error("out of memory");
		return err;
	}
	subject.kinds_ns = clock_ns(CLOCK_MONOTONIC);
	return alerting__check(&trace->alerting, &subject, 1);
}

int trace__report(struct trace *trace)
{
	_cleanup_(state__release) struct state state = {.trace = trace};
	const struct output output = output_of(&state);
	int err;

	tracer__read_counters(trace->tracer, &trace->counters);
	err = visit(&state, take_state);
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
