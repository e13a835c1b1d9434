/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pinned regions: those that a few live blocks keep from being released to the operating system,
 * and how much memory could be released without these blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"

struct pinned_block {
	uint64_t address, size; /* bytes */
};

struct pinned_region {
	uint64_t address, size;
	uint64_t live_bytes;
	uint64_t unread_bytes; /* of spans that were not read */
	uint32_t live_blocks;
	double occupancy; /* live bytes / size */
	uint64_t resident_bytes;
	double pinned_for_s; /* since pyfrag first saw it pinned */
	size_t first_block;  /* index into pinned.blocks */
	uint32_t block_cnt;  /* number of blocks there; at most live_blocks */
};

/* The @bytes released if the @blocks in the @regions with the fewest blocks are freed. */
struct what_if {
	uint64_t regions, blocks, bytes;
};

struct pinned {
	double below; /* threshold: an occupancy */
	uint64_t bytes, hostage_bytes, resident_hostage_bytes, live_blocks;
	struct pinned_region *regions; /* fewest live blocks first */
	size_t region_cnt;
	struct pinned_block *blocks;
	size_t block_cnt, block_capacity;
	struct what_if *what_if; /* fewest blocks first; the last row covers all regions */
	size_t what_if_cnt;
};

struct pinned_options {
	double below;
	uint32_t blocks_per_region_max; /* how many blocks to list per region */
	const uint64_t *resident_bytes; /* for each region of the heap; NULL: not known */
};

/*
 * Since when regions have been pinned, kept from one call to the next. Zero-initialized; times are
 * in ns of any monotonic clock.
 */
struct pinned_history {
	struct pinned_since {
		uint64_t address, generation, since_ns;
	} * items; /* sorted by address */
	size_t cnt;
};

void pinned_history__free(struct pinned_history *history);

/*
 * Whether a region is pinned: it has live blocks, but its occupancy is below @below, even if all
 * spans that were not read are full.
 */
bool pinned__is_pinned(const struct region_totals *region, double below);

/*
 * Finds the pinned regions of @heap, of which @measure has the totals, at time @now_ns; updates
 * @history. Returns 0, -ENOMEM, -EDQUOT or -ETIME; the caller frees the result.
 */
int pinned__find(struct pinned *out, const struct heap *heap, const struct heap_measure *measure,
		 const struct pinned_options *options, struct pinned_history *history,
		 uint64_t now_ns);
void pinned__free(struct pinned *pinned);
