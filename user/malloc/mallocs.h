/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All mallocs of a process at one moment: where they have memory, every chunk, what malloc_trim(3)
 * would release, and what keeps free() from doing so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "heap/heap.h"
#include "malloc/chunk_sizes.h"
#include "malloc/malloc_areas.h"
#include "malloc/malloc_image.h"
#include "malloc/malloc_trim.h"
#include "malloc/top_pins.h"
#include "target/target.h"

/* Zero-initialized. Members refer to one another: it must not be moved. */
struct mallocs {
	const struct heap *heap; /* the image of all of them together; not owned */
	struct malloc_areas areas;
	struct {
		struct malloc_image image;
		struct malloc_trim trim;
		struct top_pins pins;
		struct chunk_sizes sizes; /* mapped chunks are those of the first malloc */
	} items[MALLOCS_MAX];
	size_t cnt; /* 0: the process does not use glibc's malloc */
};

/*
 * Reads the mallocs of @target, whose maps are read, and makes @heap, which is empty and has
 * malloc_layout, the image of all of them together. @heap must outlive @out. Regions of @other
 * (NULL: none) are not malloc's. Returns 0, -EDQUOT, -ENOMEM, or as memory__find_touched(),
 * memory__read_ranges() and target__measure_resident(). The caller releases @out, also on failure.
 */
int mallocs__read(struct mallocs *out, struct heap *heap, const struct target *target,
		  const struct heap *other);
void mallocs__release(struct mallocs *mallocs);
