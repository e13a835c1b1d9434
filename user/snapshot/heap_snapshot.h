/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap of a process as it is now, and the answers to the questions about it.
 */
#pragma once

#include "analysis/memory_use.h"
#include "output/report.h"
#include "snapshot/heap_census.h"
#include "snapshot/snapshot_options.h"
#include "source/heap_source.h"

struct heap_snapshot {
	struct heap_source *source;
	struct heap_reading reading; /* its heap is owned by this */
	struct findings findings;
	struct memory_use memory_use;
	bool knows_memory_use;
	struct pinned_history history;
	struct heap_census census;
	struct counters counters;
	struct report report; /* of all this */
};

/*
 * Takes it of process @pid. Returns 0 or negative errno; errors are described. The caller releases
 * in any case, and does not move it: parts of it point at others.
 */
int heap_snapshot__take(struct heap_snapshot *out, pid_t pid,
			const struct snapshot_options *options, struct failure *failure);
void heap_snapshot__release(struct heap_snapshot *snapshot);
