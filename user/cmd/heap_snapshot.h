/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap of a process as it is now, and all that the options want to know of it.
 */
#pragma once

#include "analysis/memory_use.h"
#include "cmd/heap_census.h"
#include "cmd/options.h"
#include "cmd/output.h"
#include "pymalloc/heap_source.h"

struct heap_snapshot {
	struct heap_source *source;
	struct heap_reading reading; /* its heap is owned by this */
	struct findings findings;
	struct memory_use memory_use;
	bool knows_memory_use;
	struct pinned_history history;
	struct heap_census census;
	struct counters counters;
	struct output output; /* of all this */
};

/*
 * Takes it of process @pid. Returns 0, or negative errno and @failure says what. The caller
 * releases, in any case.
 */
int heap_snapshot__take(struct heap_snapshot *out, pid_t pid, const struct options *options,
			struct failure *failure);
void heap_snapshot__release(struct heap_snapshot *snapshot);
