/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A place in a block map (heap/block_map.h), for passes over many blocks by their addresses. It
 * remembers the chunk of the map that it is in, so most operations take a few instructions, and no
 * search for the chunk. Between two operations nothing else may add or drop chunks of the map.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/block_map.h"

/* Initialized by block_cursor__at(). */
struct block_cursor {
	struct block_map *map;
	uint64_t start, size; /* of the chunk, in the target; size 0: there is none yet */
	uint32_t shift;	      /* binary logarithm of the alignment of blocks */
	uint64_t *bits;	      /* of the chunk; NULL: the map has none there */
};

struct block_cursor block_cursor__at(struct block_map *map);

/* Goes to the chunk of @address, if there is one. */
void block_cursor__move(struct block_cursor *cursor, uint64_t address);

/* The same, and adds the chunk if there is none. Returns 0, -ENOMEM or -EDQUOT. */
int block_cursor__move_to_add(struct block_cursor *cursor, uint64_t address);

/* The number of the bit of @address in the chunk, which has that address. */
static inline size_t block_cursor__bit(const struct block_cursor *cursor, uint64_t address)
{
	return (address - cursor->start) >> cursor->shift;
}

static inline bool block_cursor__is_near(const struct block_cursor *cursor, uint64_t address)
{
	return address - cursor->start < cursor->size;
}

/* As block_map__insert(). */
static inline int block_cursor__insert(struct block_cursor *cursor, uint64_t address)
{
	size_t bit;
	int err;

	if (!block_cursor__is_near(cursor, address) || !cursor->bits) {
		err = block_cursor__move_to_add(cursor, address);
		if (err)
			return err;
	}
	bit = block_cursor__bit(cursor, address);
	cursor->bits[bit >> 6] |= 1UL << (bit & 63);
	return 0;
}

/* As block_map__contains(). */
static inline bool block_cursor__contains(struct block_cursor *cursor, uint64_t address)
{
	size_t bit;

	if (!block_cursor__is_near(cursor, address))
		block_cursor__move(cursor, address);
	bit = block_cursor__bit(cursor, address);
	return cursor->bits && cursor->bits[bit >> 6] >> (bit & 63) & 1;
}

/*
 * One more than the number of clear bits from that of @address on, which is near; 0: there are none
 * set in its word and the next one of the chunk. Most blocks are that near.
 */
static inline uint64_t block_cursor__distance(const struct block_cursor *cursor, uint64_t address)
{
	size_t bit = block_cursor__bit(cursor, address), at = bit >> 6,
	       cnt = cursor->size >> cursor->shift >> 6;
	uint64_t word;

	if (!cursor->bits)
		return 0;
	word = cursor->bits[at] >> (bit & 63);
	if (word)
		return (uint64_t)__builtin_ctzll(word) + 1;
	word = at + 1 < cnt ? cursor->bits[at + 1] : 0;
	return word ? 65 - (bit & 63) + (uint64_t)__builtin_ctzll(word) : 0;
}

/* As block_map__next(). */
static inline bool block_cursor__next(struct block_cursor *cursor, uint64_t *address, uint64_t end)
{
	uint64_t distance;

	if (*address >= end)
		return false;
	if (!block_cursor__is_near(cursor, *address))
		block_cursor__move(cursor, *address);
	distance = block_cursor__distance(cursor, *address);
	if (!distance--)
		return block_map__next(cursor->map, address, end);
	distance <<= cursor->shift;
	if (distance >= end - *address)
		return false;
	*address += distance;
	return true;
}
