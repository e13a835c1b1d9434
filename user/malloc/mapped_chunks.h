/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large requests, for each of which glibc's malloc makes a mapping of its own: it begins with a
 * chunk header that has the flag IS_MMAPPED and the size of the mapping (sysmalloc_mmap(),
 * malloc/malloc.c).
 *
 * The kernel joins such mappings with others beside them, and divides them where madvise(2) was
 * called for a part. So all memory without a file is looked at that lies together, page by page,
 * passing over each chunk found and over what is known to be something else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"
#include "malloc/malloc_range.h"
#include "target/target.h"

struct mapped_chunk {
	uint64_t address, size; /* of the mapping, bytes */
	bool is_cached;		/* free, in a tcache (from glibc 2.43 on); set by who looks there */
};

/* By address. Zero-initialized; the owner frees the items (account__free()). */
struct mapped_chunks {
	struct mapped_chunk *items;
	size_t cnt, capacity;
};

/*
 * What else there may be of which only the first page tells: takes its first two words, and how far
 * it may reach at most. Sets *end to where it ends, and returns 0; -ENOENT: it is nothing known; or
 * what mapped_chunks__find() is to return.
 */
typedef int known_memory_fn(uint64_t address, const uint64_t *words, uint64_t limit, uint64_t *end,
			    void *context);

/*
 * Looks for them in @target, whose maps are read, but not in the @heap_cnt ranges of @heaps, sorted
 * by address, nor in the regions of @other (NULL: there are none), nor in what @know knows.
 * Returns 0, -EDQUOT, -ENOMEM, or
 * as memory__find_touched() and memory__read_ranges().
 */
int mapped_chunks__find(struct mapped_chunks *out, const struct target *target,
			const struct malloc_range *heaps, size_t heap_cnt, const struct heap *other,
			known_memory_fn *know, void *context);

/* The chunk whose block is at @block; NULL: there is none. */
struct mapped_chunk *mapped_chunks__of_block(const struct mapped_chunks *chunks, uint64_t block);
