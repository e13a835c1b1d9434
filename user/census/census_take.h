/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes a census of a heap. First each live block is classified by its own words. Then free lists,
 * the dicts of instances and the buffers of objects are found, which are known only by what other
 * blocks hold.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "census/census.h"

struct census_options {
	const struct target *target; /* its maps are of now; NULL: not known */
	int major, minor;	     /* of the Python */
	bool debug_hooks;
	const struct py_offsets *offsets; /* of its objects */
	uint64_t refcnt_max; /* so many references there can be, by the memory there is */
};

/*
 * Looks at every live block of @heap, which must outlive the census, as @memory must. Returns 0,
 * -ENOMEM, -EFBIG, or as memory__read_ranges(). The caller frees it.
 */
int census__take(struct census **out, const struct heap *heap, const struct memory *memory,
		 const struct census_options *options);
