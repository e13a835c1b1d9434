/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads an image of a malloc: the chunks of all heaps, and then the lists that tell which of these
 * are not in use.
 */
#pragma once

#include "malloc/chunk_sizes.h"
#include "malloc/malloc_image.h"
#include "target/memory.h"

/*
 * Reads the heaps of malloc number @number of @areas into @heap, which has malloc_layout and the
 * mapped chunks; both must outlive @out. Counts the chunks of the heaps in @counter, too. Sets
 * chunks_end of heaps, and is_cached of mapped chunks. Returns 0, -EDQUOT, -ENOMEM, or as
 * memory__read_ranges(). The caller releases @out, also on failure.
 */
int malloc_image__read(struct malloc_image *out, struct heap *heap, const struct memory *memory,
		       struct malloc_areas *areas, size_t number, struct chunk_counter *counter);
