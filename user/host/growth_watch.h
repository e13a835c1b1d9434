/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a heap grows: a Python of a host that is probed for a while, where it takes pools and
 * arenas. Its heap is read through the tracer meanwhile.
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
 * Probes the process of @source, which must outlive the watch; its module's file must be open
 * meanwhile. @budget: what that may take of its CPU time. Errors are described; the caller stops
 * it, which takes the probes out.
 */
int growth_watch__start(struct growth_watch **out, struct heap_source *source, double budget,
			struct failure *failure);
void growth_watch__stop(struct growth_watch *watch);

/*
 * To be called some times a second: keeps the budget, and children that were forked free of probes.
 * Returns 0; or, if it is to be stopped, -EPIPE: the process that held its probes was killed
 * (probes/keeper.h), or -EOWNERDEAD: it cannot be probed any more (probes/loader.h).
 */
int growth_watch__tend(struct growth_watch *watch);

/* What is to be known of a reading. */
struct growth_reading {
	/* In: what kinds of objects pin is wanted, too; so many sites are. */
	bool with_kinds;
	uint32_t sites_max;
	struct findings findings;
	struct pin_summary pins;
	double duration_ms;
};

/*
 * Reads the heap, and works out the rest. Adds to @counters. Returns 0, or as heap_source__read()
 * and findings__collect(), described. The caller releases what has come of it.
 */
int growth_watch__read(struct growth_watch *watch, const struct heap_reading_options *options,
		       const struct findings_options *findings_options,
		       struct pinned_history *history, struct counters *counters,
		       struct growth_reading *out, struct failure *failure);
