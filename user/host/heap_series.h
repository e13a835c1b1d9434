/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums of the heaps of each program, and which programs are reported when there are too many. Users
 * can run any number under any names, so the programs with the most hostage bytes are kept, not
 * those whose names sort first.
 */
#pragma once

#include <stddef.h>

#include "host/series.h"

/* Over the processes of a program. */
struct heap_sums {
	double processes, arenas, arena_bytes, resident_bytes, shared_bytes, live_bytes,
		live_blocks, free_block_bytes, free_pool_bytes, overhead_bytes, unread_bytes,
		pinned_arenas, pinned_bytes, hostage_bytes, resident_hostage_bytes, growth;
	/* As struct memory_figures. */
	double rss, unexplained, malloc_in_use, malloc_free, malloc_trimmable;
};

struct heap_series {
	struct series_key key;
	struct heap_sums sums;
	double age_s;	     /* the longest time since a reading */
	double memory_age_s; /* the longest time since one of all memory */
};

/*
 * Merges series with the same key and sorts them by key. If more than @max (at least 1) remain,
 * those with the most hostage bytes, then arena bytes, are kept; all others become the last one,
 * "(others)". Returns the new number of series.
 */
size_t heap_series__merge(struct heap_series *series, size_t cnt, size_t max);
