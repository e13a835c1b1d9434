/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes a census of a heap. First, each live block is classified by its own words. Then free lists,
 * the dicts of instances and the buffers of objects are found, which can only be recognized by what
 * other blocks contain.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "census/census.h"

struct census_options {
	const struct target *target; /* with up-to-date mappings; NULL: not known */
	int major, minor;	     /* version of Python */
	bool debug_hooks;
	const struct py_offsets *offsets; /* for this version of Python */
	uint32_t interpreter_cnt;	  /* how many interpreters there are; 0: not known */
	uint64_t refcnt_max; /* highest plausible reference count, given how much memory there is */
};

/*
 * Classifies each live block of @heap. @heap and @memory must outlive the census. Returns 0,
 * -ENOMEM, -EDQUOT, -EFBIG, or as memory__read_ranges(). The caller frees the census.
 */
int census__take(struct census **out, const struct heap *heap, const struct memory *memory,
		 const struct census_options *options);
