/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One pool, from a copy of its bytes to its live blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/block_places.h"
#include "pymalloc/geometry.h"

#define POOL_WORDS_MAX (65536 / 8 / 64) /* of the largest pool with the smallest alignment */

/* How many words hold the bits of a pool. */
static inline size_t pool__word_cnt(const struct geometry *geometry)
{
	return geometry->pool_size / geometry->alignment / 64;
}

/*
 * How many bytes of a pool with a sane header decide which of its blocks are live: up to the link
 * of the last block carved off. Behind that may be pages that the target has never touched, and
 * that reading them would map.
 */
uint32_t pool__bytes_wanted(const struct geometry *geometry, const struct pool_header *header);

/*
 * The live blocks of a pool: those carved off (below nextoffset) that are not on the chain of free
 * ones. @bytes is a copy of the pool from its header on, @size of it (at least
 * pool__bytes_wanted(), or the pool counts as torn). Sets a bit of @live for each, as in @places;
 * @live has room for pool__word_cnt() words and is cleared first.
 *
 * Returns true if the copy agrees with itself: a sane header, a chain that stays on free blocks of
 * this pool, runs through none twice, ends, and leaves exactly header.count blocks. Otherwise the
 * copy is torn, and @live is what can be said of it: blocks found on the chain are free, the others
 * live.
 */
bool pool__decode(const struct geometry *geometry, const struct block_places *places,
		  uint64_t address, const uint8_t *bytes, size_t size, uint64_t *live);

/*
 * What of the sane header of a pool in use shows whether the pool has changed, as a stamp for the
 * map of blocks (block_map__stamp()): in the upper half how many blocks are live, in the lower
 * where the chain of free ones begins, how much is carved off, and the class. Never 0. A pool that
 * has the same stamp again may still have changed: free blocks are a stack, and a stack of the same
 * height and top can hold others below (two blocks are taken, another is put back, and then the
 * first).
 */
uint64_t pool__stamp(const struct pool_header *header);

/* Whether every block of the pool is live, by its header alone. */
bool pool__is_full(const struct geometry *geometry, const struct pool_header *header);
