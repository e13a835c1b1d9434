/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the options want to know of the objects in a heap: a census, and, for --paths, who refers to
 * whom, and what keeps alive what pins.
 */
#pragma once

#include "analysis/advice.h"
#include "analysis/arena_report.h"
#include "analysis/census_kinds.h"
#include "analysis/memory_use.h"
#include "analysis/object_report.h"
#include "analysis/outside_objects.h"
#include "analysis/pin_holders.h"
#include "census/graph.h"
#include "census/retention.h"
#include "census/roots.h"
#include "cmd/options.h"
#include "pymalloc/heap_source.h"

struct heap_census {
	struct census_report report;
	struct graph *graph; /* NULL: nobody wants to know, nor the next ones */
	struct roots roots;
	struct retention *retention;
	struct pin_holders holders;
	struct advices advices;
	struct arena_report arena;
	struct object_report object;
	struct outside_objects outside; /* with a graph */
};

/* What it is taken of; all must outlive it. */
struct heap_census_of {
	const struct heap_source *source;
	const struct heap *heap;
	const struct pinned *pinned;
	const struct memory_use *memory_use; /* NULL: not known */
};

/* Whether the options want any of it. */
bool heap_census__is_wanted(const struct options *options);

/*
 * Takes it. Adds what was left out to @counters. Returns 0 or negative errno, and then @failure
 * says what. The caller releases, in any case.
 */
int heap_census__take(struct heap_census *out, const struct heap_census_of *of,
		      const struct options *options, struct counters *counters,
		      struct failure *failure);
void heap_census__release(struct heap_census *census);
