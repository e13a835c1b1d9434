/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How glibc's malloc divides its memory, for the heap image. A region is a heap of an arena, or a
 * chunk with a mapping of its own. Each chunk is a span of one block; the block begins behind the
 * header of the chunk. Up to a region's carved_end there are chunks; behind it is the top.
 *
 * Sizes are not classes here: all chunks are of the only class.
 */
#pragma once

#include "heap/heap_layout.h"

extern const struct heap_layout malloc_layout;
