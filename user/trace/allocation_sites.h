/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocation sites of a trace. The tracer's probes record stacks; these are resolved to names
 * and compared with each checkpoint. If the stacks of a Python cannot be walked, the trace
 * continues without them and logs why.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/findings.h"
#include "analysis/site_ranking.h"
#include "probes/tracer.h"
#include "source/heap_source.h"
#include "stacks/site_ledger.h"
#include "stacks/stack_table.h"
#include "target/runtime.h"

struct allocation_sites_options {
	bool no_stacks;
	bool keeps_blocks;     /* record every allocation and free */
	uint64_t sample_bytes; /* mean sampling interval in bytes; 0: every allocation */
	size_t max;	       /* how many sites to collect by each criterion */
};

struct allocation_sites {
	struct tracer *tracer;
	struct pyfrag_stacks config;
	struct runtime runtime;
	bool has_runtime;
	struct stack_table *stacks; /* NULL: there are no stacks */
	struct site_ledger *ledger;
	size_t max;			     /* how many sites to collect by each criterion */
	uint64_t lost_cnt, abandoned_arenas; /* events and arenas, at the last checkpoint */
	bool stacks_are_full;		     /* the last review freed too little room */
};

/*
 * Call this before tracer__follow(). Finds the runtime of @source's Python and starts observing
 * events. Returns 0 (even if there will be no stacks), -EDQUOT, -ENOMEM or -ETIME.
 */
int allocation_sites__prepare(struct allocation_sites *sites, struct tracer *tracer,
			      const struct heap_source *source,
			      const struct allocation_sites_options *options);

/* Call this after tracer__follow(). Stacks are recorded from here on. */
void allocation_sites__start(struct allocation_sites *sites);
void allocation_sites__release(struct allocation_sites *sites);

/* The runtime, or NULL if it was not found. */
const struct runtime *allocation_sites__runtime(const struct allocation_sites *sites);

/*
 * Call this between tracer__hold() and tracer__resume(), after a checkpoint. Updates the sites and
 * collects those to report. Returns 0 or negative errno; the caller frees *out.
 */
int allocation_sites__collect(struct allocation_sites *sites, const struct heap *heap,
			      const struct tracer_totals *totals, const struct findings *findings,
			      struct counters *counters, struct site_ranking *out);
