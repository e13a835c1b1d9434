/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said of the heaps of each program, and of which programs where there are too many: users
 * can run as many as they like, under any name, so those that hold back most are kept, not those
 * whose names sort first.
 */
#pragma once

#include <stddef.h>

#include "host/series.h"

/* Of a program's processes. */
struct heap_sums {
	double processes, arenas, arena_bytes, resident_bytes, shared_bytes, live_bytes,
		live_blocks, free_block_bytes, free_pool_bytes, overhead_bytes, pinned_arenas,
		pinned_bytes, hostage_bytes, resident_hostage_bytes, growth;
};

struct heap_series {
	struct series_key key;
	struct heap_sums sums;
	double age_s; /* of the oldest reading */
};

/*
 * Makes one of those of one key, sorted by key. If there are more than @max, at least 1, those that
 * hold back most, and have most arenas, are kept; the others become the last one, "(others)".
 * Returns how many there are then.
 */
size_t heap_series__merge(struct heap_series *series, size_t cnt, size_t max);
