/* SPDX-License-Identifier: BSD-2-Clause */
/* The current heap of a process, and the answers to questions about it. */
#pragma once

#include "analysis/process_memory.h"
#include "output/report.h"
#include "snapshot/heap_census.h"
#include "snapshot/snapshot_options.h"
#include "source/heap_source.h"

struct heap_snapshot {
	struct heap_source *source;
	struct heap_reading reading; /* owns its heap */
	struct findings findings;
	struct process_memory memory;
	struct pinned_history history;
	struct heap_census census;
	struct counters counters;
	struct report report; /* refers to the members above */
};

/*
 * Takes a snapshot of a target from any source. Takes ownership of @target, also on failure.
 * Returns 0 or negative errno; errors are described. The caller releases @out in any case and must
 * not move it, since members point to one another.
 */
int heap_snapshot__take(struct heap_snapshot *out, struct target *target,
			const struct snapshot_options *options, struct failure *failure);

/* Does the same for process @pid, within its allowance of CPU time (reading_allowance.h). */
int heap_snapshot__take_live(struct heap_snapshot *out, pid_t pid,
			     const struct snapshot_options *options, struct failure *failure);
void heap_snapshot__release(struct heap_snapshot *snapshot);
