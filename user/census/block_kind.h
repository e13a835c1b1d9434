/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kind of a block: what it holds, packed into one word. From the top: role (3 bits), tracked
 * (1), part (4), type (24).
 */
#pragma once

#include <stdint.h>

#include "census/type_table.h"

enum block_role {
	BLOCK_FREE,
	BLOCK_UNKNOWN,
	BLOCK_OBJECT,
	BLOCK_FREE_LISTED, /* a freed object (or a dict's keys) that Python keeps on a free list */
	BLOCK_BUFFER,	   /* memory of an object that is not an object itself */
	BLOCK_ROLE_CNT,
};

/*
 * For a buffer, which part of its object it is. For an object, which part of another object it is.
 */
enum block_part {
	PART_NONE,   /* an object in its own right; a buffer whose use is not known */
	PART_ITEMS,  /* of a list */
	PART_KEYS,   /* of a dict */
	PART_VALUES, /* of a dict with shared keys, or of an instance */
	PART_TABLE,  /* of a set; 2.7: of a dict */
	/* An instance's dict and the buffers of that dict. The type is the instance's. */
	PART_DICT,
	PART_DICT_KEYS,
	PART_DICT_VALUES,
	PART_DICT_TABLE,
	BLOCK_PART_CNT,
};

#define BLOCK_TYPE_BITS 24
_Static_assert(TYPES_MAX < (1UL << BLOCK_TYPE_BITS) - 1, "all types fit into a kind");

static inline uint32_t block_kind(enum block_role role, enum block_part part, uint32_t type)
{
	return (uint32_t)role << 29 | (uint32_t)part << 24 | (type & 0xffffff);
}

/* Set for an object that the garbage collector tracks. It does not make a different kind. */
#define BLOCK_TRACKED (1U << 28)

static inline enum block_role block_kind__role(uint32_t kind)
{
	return (enum block_role)(kind >> 29);
}

static inline enum block_part block_kind__part(uint32_t kind)
{
	return (enum block_part)(kind >> 24 & 0xf);
}

/*
 * The number of the type; for a buffer, of its object's type. Undefined for free and unknown
 * blocks.
 */
static inline uint32_t block_kind__type(uint32_t kind)
{
	return kind & 0xffffff;
}
