/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a block holds, in one word: a kind. From the top: role (3 bits), tracked (1), part (4), type
 * (24).
 */
#pragma once

#include <stdint.h>

#include "census/type_table.h"

enum block_role {
	BLOCK_FREE,
	BLOCK_UNKNOWN,
	BLOCK_OBJECT,
	BLOCK_PARKED, /* an object that Python has freed, and keeps for the next of its kind */
	BLOCK_BUFFER, /* what belongs to an object and is none */
	BLOCK_ROLE_CNT,
};

/* Of a buffer: what of its object it is. Of an object: what of another one. */
enum block_part {
	PART_NONE,   /* an object of its own; a buffer, whatever it may be */
	PART_ITEMS,  /* of a list */
	PART_KEYS,   /* of a dict */
	PART_VALUES, /* of a dict that shares its keys, or of an instance */
	PART_TABLE,  /* of a set; 2.7: of a dict */
	/* An instance's dict, and that one's buffers: the type is the instance's. */
	PART_DICT,
	PART_DICT_KEYS,
	PART_DICT_VALUES,
	PART_DICT_TABLE,
	BLOCK_PART_CNT,
};

#define BLOCK_TYPE_BITS 24
_Static_assert(TYPES_MAX < (1UL << BLOCK_TYPE_BITS) - 1, "a type's number, and one that is none");

static inline uint32_t block_kind(enum block_role role, enum block_part part, uint32_t type)
{
	return (uint32_t)role << 29 | (uint32_t)part << 24 | (type & 0xffffff);
}

/*
 * Of an object: that the collector has it on its lists. It is no part of what counts as the same
 * kind.
 */
#define BLOCK_TRACKED (1U << 28)

static inline enum block_role block_kind__role(uint32_t kind)
{
	return (enum block_role)(kind >> 29);
}

static inline enum block_part block_kind__part(uint32_t kind)
{
	return (enum block_part)(kind >> 24 & 0xf);
}

/* But for free and unknown blocks: the number of the type, of a buffer of its object's. */
static inline uint32_t block_kind__type(uint32_t kind)
{
	return kind & 0xffffff;
}
