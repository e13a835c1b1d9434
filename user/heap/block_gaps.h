/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passes over the large gaps between the live blocks of a map (heap/block_map.h). Where blocks are
 * close together, only the first and the last one of each word of the map are looked at.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "heap/block_map.h"

/* Two live blocks, with none between them. */
struct block_gap {
	uint64_t from, to; /* addresses; 0: there is no live block before, or behind */
};

/* Initialized by block_gaps__in(). Meanwhile the map must not change. */
struct block_gaps {
	const struct block_map *map;
	uint32_t shift;	      /* binary logarithm of the alignment of blocks */
	uint64_t start, end;  /* addresses */
	uint64_t from;	      /* the last live block that was passed, or the start */
	bool has_from;	      /* it is a block */
	const uint64_t *bits; /* of the chunk that is passed over; NULL: the map has none there */
	uint64_t chunk, chunk_end; /* addresses */
	uint64_t next;		   /* address of the first bit of the next word */
	uint64_t word;		   /* bits of the word before it that were not passed */
};

/* In [start, end); both are possible block addresses. */
struct block_gaps block_gaps__in(const struct block_map *map, uint64_t start, uint64_t end);

/*
 * Goes on to the next gap of more than @bytes, from block to block, or from the start, or to the
 * end. Returns false if there is none. @bytes must not be less than in the call before.
 */
bool block_gaps__next(struct block_gaps *gaps, uint64_t bytes, struct block_gap *out);
