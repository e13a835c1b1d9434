/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What glibc's malloc has its memory for, and what would make it release some.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "heap/heap.h"
#include "malloc/mallocs.h"
#include "target/target.h"
#include "util/failure.h"

struct malloc_use_item {
	const struct malloc_image *image; /* not owned */
	struct malloc_arena_use total;	  /* of its arenas */
	const struct malloc_trim *trim;	  /* not owned */
	const struct top_pins *pins;	  /* not owned */
};

struct malloc_use {
	struct malloc_use_item items[MALLOCS_MAX];
	size_t cnt;			  /* 0: the process does not use glibc's malloc */
	struct chunk_total mapped;	  /* with a mapping of their own, in use */
	struct chunk_total mapped_cached; /* the same, but free, in a tcache */
};

/*
 * Finds the areas of malloc; @heap has the regions of pymalloc. If they cannot be read, the report
 * does without: then returns 0, and @out is empty. Errors are described in @failure: -EDQUOT,
 * -ENOMEM, or those of target__reload_maps(). The caller releases @out, also on failure.
 */
int malloc_areas__find_for_report(struct malloc_areas *out, struct target *target,
				  const struct heap *heap, struct failure *failure);

/* Sums up the mallocs of a process, which must outlive the result. NULL: it has none. */
struct malloc_use malloc_use__of(const struct mallocs *mallocs);
