/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A region: memory that an allocator takes from the operating system, and releases, as a whole.
 * One live block is enough to keep all of it. pymalloc calls its regions arenas.
 *
 * Regions differ in size, also within one heap.
 */
#pragma once

#include <stdint.h>

struct region {
	uint64_t address, size; /* bytes */
	uint64_t carved_end;	/* nothing from here on was ever used */
	/*
	 * Tells regions apart that had the same address one after the other; 0: not seen being
	 * mapped.
	 */
	uint64_t generation;
	/* So many readings in a row found nothing changed in it: see pymalloc/checkpoint.h. */
	uint32_t calm_readings;
};

static inline uint64_t region__end(const struct region *region)
{
	return region->address + region->size;
}
