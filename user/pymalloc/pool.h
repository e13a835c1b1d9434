/* SPDX-License-Identifier: BSD-2-Clause */
/* Decodes one pool: from a copy of its bytes to its live blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/block_places.h"
#include "pymalloc/geometry.h"

#define POOL_WORDS_MAX (65536 / 8 / 64) /* for the largest pool with the smallest alignment */

/* Number of words for the bits of a pool. */
static inline size_t pool__word_cnt(const struct geometry *geometry)
{
	return geometry->pool_size / geometry->alignment / 64;
}

/*
 * Number of bytes of a pool with a valid header that determine which of its blocks are live: up to
 * the free-list link in the last carved block. The pages behind that may never have been touched by
 * the target; reading them would map them.
 */
uint32_t pool__bytes_wanted(const struct geometry *geometry, const struct pool_header *header);

/*
 * Determines the live blocks of a pool: those carved off (below nextoffset) that are not on the
 * free list. @bytes is a copy of the pool from its header on, of @size bytes (with fewer than
 * pool__bytes_wanted() the pool counts as torn). Sets a bit in @live for each live block, at its
 * position in @places; @live has room for pool__word_cnt() words and is cleared first.
 *
 * Returns true if the copy is consistent: the header is valid, and the free list stays on carved
 * blocks of this pool, visits none twice, ends, and leaves exactly header.count blocks. Otherwise
 * the copy is torn and @live is a best estimate: blocks found on the free list are free, the others
 * live.
 */
bool pool__decode(const struct geometry *geometry, const struct block_places *places,
		  uint64_t address, const uint8_t *bytes, size_t size, uint64_t *live);

/*
 * The stamp for the map of blocks (block_map__stamp()), made of the parts of a valid header that
 * show whether a pool in use has changed: the number of live blocks in the upper half; in the lower
 * half the head of the free list, how much is carved off, and the size class. Never 0. A pool with
 * an unchanged stamp may still have changed: a free list is a stack, and a stack of the same height
 * and top can hold other blocks below (two blocks are allocated, another one is freed, then the
 * first).
 */
uint64_t pool__stamp(const struct pool_header *header);

/* Whether every block of the pool is live, judged by its header alone. */
bool pool__is_full(const struct geometry *geometry, const struct pool_header *header);
