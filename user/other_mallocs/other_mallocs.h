/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocators other than glibc's malloc that a target uses: preloaded, linked, or part of a
 * program or library that has one of its own. Each is found by structures that prove themselves,
 * in static data and in memory from the system, so neither symbols nor names of files are needed,
 * and one that is loaded but has no memory is not reported.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "other_mallocs/other_malloc.h"
#include "target/target.h"

/* Zero-initialized. */
struct other_mallocs {
	struct other_malloc *items;
	size_t cnt, capacity;
};

/*
 * Finds those of @target, whose maps are read. Returns 0, -EDQUOT, -ENOMEM, or as
 * memory__read_ranges(). The caller releases @out, also on failure.
 */
int other_mallocs__find(struct other_mallocs *out, const struct target *target);
void other_mallocs__release(struct other_mallocs *mallocs);

/* Identifies the memory of allocator number @number in @state (struct part_range). */
static inline uint32_t other_malloc__owner(size_t number, enum other_state state)
{
	return (uint32_t)(number * OTHER_STATES + state);
}

/*
 * Of the ranges of all of them the one that contains @address, or the first above it; NULL: there
 * is none.
 */
const struct other_range *other_mallocs__range_from(const struct other_mallocs *mallocs,
						    uint64_t address);
