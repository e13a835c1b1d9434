/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that is computed from one heap for a report. The heap is not needed any more then, so
 * writing the report may take any time.
 */
#pragma once

#include "analysis/memory_map.h"
#include "heap/heap.h"
#include "heap/pinned.h"
#include "target/target.h"
#include "util/counters.h"

#define RESIDENT_UNKNOWN UINT64_MAX

struct findings {
	struct heap_layout layout;
	/* The heap has arenas, divided into pools of one size class each; else none is pinned. */
	bool has_arenas;
	struct heap_measure measure;
	uint64_t resident_bytes; /* of all arenas, or RESIDENT_UNKNOWN */
	/*
	 * Memory that was read and never written may count as resident, in all resident sizes of
	 * the report: target__residency_is_exact() is 0.
	 */
	bool resident_is_upper_bound;
	struct pinned pinned;
	bool has_map; /* empty without arenas */
	struct memory_map map;
};

struct findings_options {
	double below;
	uint32_t blocks_per_arena_max;
	bool with_map;
};

/*
 * Computes the findings of @heap at @now_ns (CLOCK_MONOTONIC). @target: to ask what is resident;
 * NULL if it is gone. Adds what was left out to @counters. Returns 0, -ENOMEM, -EDQUOT or -ETIME.
 * The caller frees *out.
 */
int findings__collect(struct findings *out, const struct heap *heap, const struct target *target,
		      const struct findings_options *options, struct pinned_history *history,
		      uint64_t now_ns, struct counters *counters);
void findings__free(struct findings *findings);
