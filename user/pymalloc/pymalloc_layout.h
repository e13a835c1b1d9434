/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How pymalloc divides its memory, for the image of its heap: a region is an arena, a span is a
 * pool, and all of each are of the same size in one build.
 */
#pragma once

#include "heap/heap_layout.h"
#include "pymalloc/geometry.h"

struct heap_layout pymalloc_layout__of(const struct geometry *geometry);

/* The geometry that the layout was made of. */
static inline struct geometry pymalloc_layout__geometry(const struct heap_layout *layout)
{
	return (struct geometry){.arena_size = (uint32_t)layout->region_size,
				 .pool_size = (uint32_t)layout->span_size,
				 .alignment = layout->map.alignment};
}
