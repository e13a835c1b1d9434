/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds and reads mimalloc 2 by its segments (mimalloc_segment.h), which are where they have to be:
 * at multiples of 32 MiB. mimalloc 1 has segments of another size, mimalloc 3 has none.
 */
#pragma once

#include "other_mallocs/other_malloc.h"
#include "target/target.h"

/* A process has one mimalloc for each copy of it; usually one. */
#define MIMALLOCS_MAX 4

/* The cookies of those that were read. Zero-initialized. */
struct mimalloc_cookies {
	uint64_t items[MIMALLOCS_MAX];
	size_t cnt;
};

/*
 * Reads the memory of the first mimalloc of @target whose cookie is not among those that are @known
 * and adds it to them; there must be room. The maps of @target are read. *@file is the one whose
 * static data has the cookie; NULL if there is none. If there is no mimalloc left, @out has no
 * ranges. Returns 0, -EDQUOT, -ENOMEM, or as memory__read_ranges(). The caller releases @out, also
 * on failure.
 */
int mimalloc__read(struct other_malloc *out, const struct target *target,
		   struct mimalloc_cookies *known, const struct mapping **file);
