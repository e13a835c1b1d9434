/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How pymalloc divides its memory, for the heap image: a region is an arena and a span is a pool.
 * In one build all arenas have the same size, and so do all pools.
 */
#pragma once

#include "heap/heap_layout.h"
#include "pymalloc/geometry.h"

struct heap_layout pymalloc_layout__of(const struct geometry *geometry);

/* The geometry from which the layout was made. */
static inline struct geometry pymalloc_layout__geometry(const struct heap_layout *layout)
{
	return (struct geometry){.arena_size = (uint32_t)layout->region_size,
				 .pool_size = (uint32_t)layout->span_size,
				 .alignment = layout->map.alignment};
}
