/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sizes that a build of pymalloc uses. All are read from the target's memory, since they differ
 * between versions and between builds of one version.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pymalloc/layout.h"

struct geometry {
	uint32_t arena_size; /* in bytes, like all of these */
	uint32_t pool_size;
	uint32_t alignment; /* 8 or 16; also the step between size classes */
};

static inline uint32_t geometry__class_cnt(const struct geometry *geometry)
{
	return SMALL_REQUEST_MAX / geometry->alignment;
}

/* INDEX2SIZE() */
static inline uint32_t geometry__block_size(const struct geometry *geometry, uint32_t size_class)
{
	return (size_class + 1) * geometry->alignment;
}

/* NUMBLOCKS(): number of blocks of a size class in a pool. */
static inline uint32_t geometry__pool_capacity(const struct geometry *geometry, uint32_t size_class)
{
	return (geometry->pool_size - POOL_HEADER_BYTES) /
	       geometry__block_size(geometry, size_class);
}

static inline uint64_t geometry__pool_of(const struct geometry *geometry, uint64_t address)
{
	return address & ~(uint64_t)(geometry->pool_size - 1);
}

/* The first pool of an arena: the arena's address rounded up to the pool size. */
static inline uint64_t geometry__first_pool(const struct geometry *geometry, uint64_t arena_address)
{
	return geometry__pool_of(geometry, arena_address + geometry->pool_size - 1);
}

/* Number of whole pools in an arena: one less if its address is not aligned to the pool size. */
static inline uint32_t geometry__arena_pools(const struct geometry *geometry,
					     uint64_t arena_address)
{
	uint64_t end = geometry__pool_of(geometry, arena_address + geometry->arena_size);

	return (uint32_t)((end - geometry__first_pool(geometry, arena_address)) /
			  geometry->pool_size);
}

/* Whether the size class and offsets in a header are consistent and lie within the pool. */
bool geometry__header_is_sane(const struct geometry *geometry, const struct pool_header *header);
