/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report: findings in, bytes out. This is all that a report holds; docs/report.schema.json
 * describes it as JSON. Nothing in here is owned by the report.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "analysis/advice.h"
#include "analysis/arena_report.h"
#include "analysis/census_kinds.h"
#include "analysis/findings.h"
#include "analysis/memory_use.h"
#include "analysis/object_report.h"
#include "analysis/outside_objects.h"
#include "analysis/pin_holders.h"
#include "analysis/site_ranking.h"
#include "census/graph.h"
#include "census/retention.h"
#include "census/roots.h"
#include "probes/tracer_totals.h"
#include "source/heap_source.h"
#include "stacks/site_ledger.h"
#include "util/counters.h"

#define REPORT_SCHEMA "pyfrag.report/1"

struct report_tracing {
	const char *mode;    /* "full" or "watch" */
	double budget;	     /* a share of the target's CPU time; negative: none was given */
	bool follows_blocks; /* false: no event for each block, and so no coverage */
	double traced_for_s;
	struct tracer_totals totals;
};

struct report_snapshot {
	uint64_t unchanged_pools, scrubbed_pools, calm_pools; /* see heap/heap_reading.h */
	bool target_slept;  /* nothing was read: it has not run since the reading before */
	double duration_ms; /* how long reading took */
	double paused_ms;   /* how long the target was stopped for it */
};

/* What the findings were made of, for writers that write all of it. */
struct report_contents {
	const struct heap *heap;
	const struct graph *graph;
	const struct roots *roots;
	const struct retention *retention;
	const struct site_ledger *ledger; /* of a trace; NULL: no sites are known */
};

#define REPORT_HOST_BYTES 256

struct report {
	struct timespec time; /* CLOCK_REALTIME */
	char host[REPORT_HOST_BYTES];
	const struct target *target;
	struct account *account; /* what is made of the report takes its memory from here */
	/*
	 * Leave out the program's data, and its command line, which may have secrets in it.
	 */
	bool no_values;
	const struct python *python;
	const char *allocator; /* "pymalloc" or "pymalloc_debug" */
	const struct findings *findings;
	const struct report_tracing *tracing;  /* NULL in a snapshot */
	const struct site_ranking *sites;      /* NULL: allocation sites are not known */
	const struct memory_use *memory_use;   /* NULL: not known */
	const struct census_report *census;    /* NULL: nobody asked what is in the heap */
	const struct outside_objects *outside; /* NULL: not known; else there is a census */
	const struct pin_holders
		*holders;		  /* NULL: nobody looked for them; else there is a census */
	const struct advices *advices;	  /* with holders: what would help */
	const struct arena_report *arena; /* NULL: nobody asked for one; else there is a census */
	const struct object_report *object; /* NULL: nobody asked for one; else there is a census */
	/* NULL unless the writer needs it. Then there is a census, too. */
	const struct report_contents *contents;
	struct report_snapshot snapshot;
	const struct counters *counters;
};

/* Begins a report on the process of @source, as of now. */
void report__begin(struct report *report, const struct heap_source *source);

/*
 * Events seen / (seen + missed); 1 where nothing happened. Missed are those that something
 * contradicts, or those that were lost, whichever is more: the former are what became known of the
 * latter.
 */
double report__coverage(const struct report *report);

/*
 * Both return 0, or negative errno if @out did not take all of it, or there is no memory: then what
 * is there is no whole report.
 */
int report__write_json(const struct report *report, FILE *out);
int report__write_text(const struct report *report, FILE *out);
