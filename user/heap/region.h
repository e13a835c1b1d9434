/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A region: memory that an allocator requests from the operating system, and releases, as a whole.
 * One live block is enough to retain all of it. In pymalloc, regions are called arenas.
 *
 * Regions differ in size, even within one heap.
 */
#pragma once

#include <stdint.h>

struct region {
	uint64_t address, size; /* bytes */
	uint64_t carved_end;	/* nothing at or above this address was ever used */
	/* Distinguishes successive regions at the same address; 0: its mapping was not seen. */
	uint64_t generation;
	/* Number of consecutive readings that found no change: see pymalloc/checkpoint.h. */
	uint32_t calm_readings;
	uint32_t readings; /* in how many it was read, not skipped; wraps around */
};

static inline uint64_t region__end(const struct region *region)
{
	return region->address + region->size;
}
