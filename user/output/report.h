/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that a report contains; docs/report.schema.json describes it as JSON. The report owns
 * none of it.
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
#include "analysis/malloc_changes.h"
#include "analysis/malloc_map.h"
#include "analysis/malloc_use.h"
#include "analysis/memory_use.h"
#include "analysis/object_report.h"
#include "analysis/other_malloc_use.h"
#include "analysis/outside_objects.h"
#include "analysis/pin_holders.h"
#include "analysis/site_ranking.h"
#include "analysis/top_owners.h"
#include "census/graph.h"
#include "census/retained_tree.h"
#include "census/retention.h"
#include "census/roots.h"
#include "probes/tracer_totals.h"
#include "source/heap_source.h"
#include "stacks/site_ledger.h"
#include "util/counters.h"

#define REPORT_SCHEMA "pyfrag.report/1"

struct report_tracing {
	const char *mode;    /* "full" or "watch" */
	double budget;	     /* share of the target's CPU time; negative: none was given */
	bool follows_blocks; /* false: not every block has events, so there is no coverage */
	double traced_for_s;
	struct tracer_totals totals;
};

struct report_snapshot {
	uint64_t unchanged_pools, scrubbed_pools, calm_pools; /* see heap/heap_reading.h */
	bool target_slept;  /* nothing was read: the target has not run since the last reading */
	double duration_ms; /* how long the reading took */
	double paused_ms;   /* how long the target was paused, for it and what else was read */
};

/* The data from which the findings were computed, for writers that write all of it. */
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
	struct account *account; /* for everything allocated for the report */
	/* Omit the program's data and its command line, which may contain secrets. */
	bool no_values;
	const struct python *python;
	const char *allocator; /* "pymalloc" or "pymalloc_debug" */
	const struct findings *findings;
	const struct report_tracing *tracing;	     /* NULL in a snapshot */
	const struct site_ranking *sites;	     /* NULL: allocation sites are not known */
	const struct memory_use *memory_use;	     /* NULL: not known */
	const struct malloc_use *malloc_use;	     /* NULL: not known */
	const struct malloc_changes *malloc_changes; /* NULL: not known, or no trace */
	const struct malloc_map *malloc_map;	     /* NULL: not requested, or not known */
	/* Other allocators; requires memory_use. NULL: not known */
	const struct other_mallocs *other_mallocs;
	const struct loaded_mallocs *loaded_mallocs; /* along with it */
	double memory_age_s;			     /* how long ago these were read */
	const struct census_report *census;	     /* NULL: not requested */
	const struct outside_objects *outside;	     /* NULL: not known; requires census */
	const struct top_owners *tops;		     /* NULL: not requested; requires census */
	const struct retained_tree *retained;	     /* NULL: not requested; requires census */
	const struct pin_holders *holders;	     /* NULL: not requested; requires census */
	const struct advices *advices;		     /* what to change; set along with holders */
	const struct arena_report *arena;	     /* NULL: not requested; requires census */
	const struct object_report *object;	     /* NULL: not requested; requires census */
	/* NULL unless the writer needs it. Requires census. */
	const struct report_contents *contents;
	struct report_snapshot snapshot;
	const struct counters *counters;
};

/* How much of what the report needs was not read because it is swapped out, in bytes. */
uint64_t report__swapped_bytes(const struct report *report);

/* Its resident set, as its mappings show it, in bytes; 0: not known. */
uint64_t report__resident_bytes(const struct report *report);

/* Begins a report on the process of @source, with the current time. */
void report__begin(struct report *report, const struct heap_source *source);

/*
 * Coverage: events seen / (seen + missed); 1 if none was missed. Missed events are either lost ones
 * or those inferred from contradictions, whichever are more; they are not added up, because a
 * contradiction usually results from a lost event.
 */
double report__coverage(const struct report *report);

/*
 * Both return 0, or negative errno if writing to @out failed or memory ran out; then the report is
 * incomplete.
 */
int report__write_json(const struct report *report, FILE *out);
int report__write_text(const struct report *report, FILE *out);
