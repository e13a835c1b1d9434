/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A piece of address space that a malloc has.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/partition_point.h"

struct malloc_range {
	uint64_t start, end; /* addresses, end exclusive */
};

/* Of @cnt sorted ranges the first that ends above @address; NULL: there is none. */
static inline const struct malloc_range *malloc_range__from(const struct malloc_range *ranges,
							    size_t cnt, uint64_t address)
{
	size_t first = PARTITION_POINT(range, ranges, cnt, range->end <= address);

	return first < cnt ? &ranges[first] : NULL;
}
