/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How glibc's malloc divides its memory, for the heap image. A region is a heap of an arena, or a
 * chunk with a mapping of its own. Each chunk is a span of one block; the block begins behind the
 * header of the chunk. Up to a region's carved_end there are chunks; behind it is the top.
 *
 * A block extends over the first word of the chunk behind it, which has no meaning while the block
 * is in use (struct malloc_chunk, prev_size). A chunk with a mapping of its own has none behind it.
 * So blocks of heaps are of 24, 40, 56, ... bytes: each is a size class, as for tcaches, but for
 * the last class, which has all larger blocks.
 */
#pragma once

#include "heap/heap_layout.h"

extern const struct heap_layout malloc_layout;
