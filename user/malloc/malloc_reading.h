/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads an image of a malloc: the arenas first, then the chunks of all heaps, then the lists that
 * tell which of these are not in use, and last the chunks with a mapping of their own.
 */
#pragma once

#include "heap/heap.h"
#include "malloc/malloc_image.h"
#include "target/target.h"

/*
 * Reads a malloc of @target, whose maps are read; regions of @other (NULL: none) hold none of its
 * mapped chunks. Returns 0, -EDQUOT, -ENOMEM, or as memory__read_ranges(). The
 * caller releases @out, also on failure.
 */
int malloc_image__read(struct malloc_image *out, const struct target *target,
		       const struct found_malloc *found, const struct heap *other);
