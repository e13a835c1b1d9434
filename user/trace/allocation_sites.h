/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trace's allocation sites: the tracer's probes record stacks, which are named, and compared with
 * each checkpoint. Where a Python's stacks cannot be walked the trace goes on without them, and
 * says why.
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
	bool keeps_blocks;     /* each allocation and free is recorded */
	uint64_t sample_bytes; /* one byte in that many is sampled; 0: all are */
	size_t max;	       /* sites that are collected, by each count */
};

struct allocation_sites {
	struct tracer *tracer;
	struct pyfrag_stacks config;
	struct runtime runtime;
	bool has_runtime;
	struct stack_table *stacks; /* NULL: there are none */
	struct site_ledger *ledger;
	size_t max;			     /* sites that are collected, by each count */
	uint64_t lost_cnt, abandoned_arenas; /* events, and arenas, at the last checkpoint */
	bool stacks_are_full;		     /* the last review has made no room to speak of */
};

/*
 * Before tracer__follow(): finds the runtime of @source's Python, and has the events observed.
 * Returns 0 (also if there will be no stacks), -EDQUOT or -ENOMEM.
 */
int allocation_sites__prepare(struct allocation_sites *sites, struct tracer *tracer,
			      const struct heap_source *source,
			      const struct allocation_sites_options *options);

/* After it: stacks are recorded from here on. */
void allocation_sites__start(struct allocation_sites *sites);
void allocation_sites__release(struct allocation_sites *sites);

/* The runtime, or NULL if it was not found. */
const struct runtime *allocation_sites__runtime(const struct allocation_sites *sites);

/*
 * Between tracer__hold() and tracer__resume(), after a checkpoint: brings the sites up to date and
 * collects what is to be reported. Returns 0 or negative errno; the caller frees.
 */
int allocation_sites__collect(struct allocation_sites *sites, const struct heap *heap,
			      const struct tracer_totals *totals, const struct findings *findings,
			      struct counters *counters, struct site_ranking *out);
