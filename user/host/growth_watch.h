/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a heap grows: probes one Python of a host for a while, at the code that takes pools and
 * arenas. Meanwhile the heap is read through the tracer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/findings.h"
#include "analysis/pin_summary.h"
#include "source/heap_source.h"
#include "util/failure.h"

struct growth_watch;

/*
 * Starts to probe the process of @source, which must outlive the watch. Its module's file must be
 * open during the call. @budget is the share of the process's CPU time that probing may take.
 * Errors are described. The caller stops the watch, which removes the probes.
 */
int growth_watch__start(struct growth_watch **out, struct heap_source *source, double budget,
			struct failure *failure);
void growth_watch__stop(struct growth_watch *watch);

/*
 * Keeps to the budget and removes probes from forked children; call it a few times a second.
 * Returns 0; or, if the watch must be stopped, -EPIPE if the process that holds the probes was
 * killed (probes/keeper.h), or -EOWNERDEAD if the target can no longer be probed (probes/loader.h).
 */
int growth_watch__tend(struct growth_watch *watch);

/* What one reading determines. */
struct growth_reading {
	/* Input: whether to find the kinds of objects that pin, and how many sites at most. */
	bool with_kinds;
	uint32_t sites_max;
	struct findings findings;
	struct pin_summary pins;
	double duration_ms;
};

/*
 * Reads the heap and evaluates it. Adds to @counters. Returns 0, or an error of heap_source__read()
 * or findings__collect(), described. The caller releases the findings and pins in @out.
 */
int growth_watch__read(struct growth_watch *watch, const struct heap_reading_options *options,
		       const struct findings_options *findings_options,
		       struct pinned_history *history, struct counters *counters,
		       struct growth_reading *out, struct failure *failure);
