/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What malloc_trim(3) with 0 would release now: of each free chunk the whole pages, and of the main
 * arena's top all but a page (mtrim() and systrim(), malloc/malloc.c). Before that it makes free
 * chunks of those in fastbins. Only pages in RAM count: those are what the process' resident set
 * loses.
 */
#pragma once

#include "malloc/malloc_image.h"

struct malloc_trim {
	uint64_t chunk_bytes; /* resident, within free chunks */
	uint64_t top_bytes;   /* resident, of the main arena's top */
};

/* Returns 0, -EDQUOT, -ENOMEM, or as target__measure_resident(). */
int malloc_trim__estimate(struct malloc_trim *out, const struct malloc_image *image,
			  const struct target *target);
