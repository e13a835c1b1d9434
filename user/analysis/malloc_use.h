/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What glibc's malloc has its memory for, and what would make it release some.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "malloc/mallocs.h"

struct malloc_use_item {
	const struct malloc_image *image; /* not owned */
	struct malloc_arena_use total;	  /* of its arenas */
	const struct malloc_trim *trim;	  /* not owned */
	const struct top_pins *pins;	  /* not owned */
	const struct chunk_sizes *sizes;  /* not owned */
};

struct malloc_use {
	struct malloc_use_item items[MALLOCS_MAX];
	size_t cnt;			  /* 0: the process does not use glibc's malloc */
	struct chunk_total mapped;	  /* with a mapping of their own, in use */
	struct chunk_total mapped_cached; /* the same, but free, in a tcache */
};

/* Sums up the mallocs of a process, which must outlive the result. NULL: it has none. */
struct malloc_use malloc_use__of(const struct mallocs *mallocs);

/* Bytes of all chunks that the program has in use. */
uint64_t malloc_use__bytes_in_use(const struct malloc_use *use);
