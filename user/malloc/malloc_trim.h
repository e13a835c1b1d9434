/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The free memory of each arena in runs, and what malloc_trim(3) with 0 would release of it now: of
 * each run the whole pages, and of the main arena's top all but a page (mtrim() and systrim(),
 * malloc/malloc.c). A run is what is one free chunk by then: before anything else it makes free
 * chunks of those in fastbins. Only pages in RAM count as released: those are what the process'
 * resident set loses.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "malloc/malloc_image.h"
#include "target/target.h"

struct arena_trim {
	uint64_t longest_run_bytes; /* resident or not, the top included */
	/* Resident, of whole pages: */
	uint64_t chunk_bytes;	  /* in free chunks; malloc_trim(3) releases these */
	uint64_t large_run_bytes; /* of these in runs of LARGE_BYTES and more */
	uint64_t top_bytes;	  /* of the top; only the main arena's is released, if it is last */
};

/* Zero-initialized. */
struct malloc_trim {
	struct arena_trim *arenas; /* one for each arena of the malloc */
	bool knows_resident;	   /* false: the source does not; then resident bytes are 0 */
	/* What is released. */
	uint64_t chunk_bytes; /* resident, within free chunks */
	uint64_t top_bytes;   /* resident, of the main arena's top */
};

/*
 * Returns 0, -EDQUOT, -ENOMEM, -ETIME, or as target__measure_resident(). The caller releases @out,
 * also on failure.
 */
int malloc_trim__estimate(struct malloc_trim *out, const struct malloc_image *image,
			  const struct target *target);

/* Resident bytes that are released. */
static inline uint64_t malloc_trim__released_bytes(const struct malloc_trim *trim)
{
	return trim->chunk_bytes + trim->top_bytes;
}

/* Of all @arena_cnt arenas. */
uint64_t malloc_trim__longest_run_bytes(const struct malloc_trim *trim, size_t arena_cnt);
void malloc_trim__release(struct malloc_trim *trim);
