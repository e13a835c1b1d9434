/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers questions about the objects in a heap: a census and, where needed, the graph of
 * references and the paths that keep pinning blocks alive.
 */
#pragma once

#include "analysis/advice.h"
#include "analysis/arena_report.h"
#include "analysis/census_kinds.h"
#include "analysis/object_report.h"
#include "analysis/outside_objects.h"
#include "analysis/pin_holders.h"
#include "analysis/top_owners.h"
#include "census/graph.h"
#include "census/retained_tree.h"
#include "census/retention.h"
#include "census/roots.h"
#include "malloc/mallocs.h"
#include "output/report.h"
#include "snapshot/snapshot_options.h"
#include "source/heap_source.h"

struct heap_census {
	struct census_report report;
	struct graph
		*graph; /* NULL if no question needs it; then the results based on it are empty */
	struct roots roots;
	struct retention *retention;
	struct retained_tree retained;
	struct pin_holders holders;
	struct advices advices;
	struct arena_report arena;
	struct object_report object;
	struct outside_objects outside; /* set if there is a graph */
	struct top_owners tops;
	struct report_contents contents;
};

/* What the census is taken of; all of it must outlive the census. */
struct heap_census_of {
	const struct heap_source *source;
	const struct heap *heap;
	const struct pinned *pinned;
	const struct mallocs *mallocs;	  /* NULL: not known */
	const struct site_ledger *ledger; /* of a trace; NULL: no sites are known */
};

/* Whether the options ask any question. */
bool heap_census__is_wanted(const struct heap_census_options *options);

/*
 * Takes the census. Adds what was omitted to @counters. Returns 0 or negative errno; errors are
 * described in @failure. The caller releases @out in any case.
 */
int heap_census__take(struct heap_census *out, const struct heap_census_of *of,
		      const struct snapshot_options *options, struct counters *counters,
		      struct failure *failure);
void heap_census__release(struct heap_census *census);

/* Adds the answers to @report, which must not outlive the census. */
void heap_census__add_to(const struct heap_census *census, const struct heap_census_of *of,
			 const struct heap_census_options *options, struct report *report);
