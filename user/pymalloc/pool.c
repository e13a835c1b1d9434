// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/pool.h"

#include <string.h>

bool pool__is_full(const struct geometry *geometry, const struct pool_header *header)
{
	return geometry__header_is_sane(geometry, header) && !header->freeblock &&
	       header->nextoffset > header->maxnextoffset &&
	       header->count == geometry__pool_capacity(geometry, header->szidx);
}

/* Offsets are multiples of 8 and at most 65536, so 13 bits are enough (65536 is stored as 0). */
uint64_t pool__stamp(const struct pool_header *header)
{
	return (uint64_t)header->count << 32 | (header->freeblock >> 3 & 0x1fff) << 19 |
	       (header->nextoffset >> 3 & 0x1fff) << 6 | header->szidx;
}

uint32_t pool__bytes_wanted(const struct geometry *geometry, const struct pool_header *header)
{
	return header->nextoffset - geometry__block_size(geometry, header->szidx) +
	       (uint32_t)sizeof(uint64_t);
}

/* Copies the bits of the first @units and clears the rest. */
static void set_carved(const uint64_t *places, uint32_t units, size_t word_cnt, uint64_t *live)
{
	size_t whole = units / 64;

	memcpy(live, places, whole * sizeof(*live));
	memset(live + whole, 0, (word_cnt - whole) * sizeof(*live));
	if (units % 64)
		live[whole] = places[whole] & ((1UL << (units % 64)) - 1);
}

bool pool__decode(const struct geometry *geometry, const struct block_places *places,
		  uint64_t address, const uint8_t *bytes, size_t size, uint64_t *live)
{
	int shift = __builtin_ctz(geometry->alignment);
	struct pool_header header;
	uint32_t free_cnt = 0;
	uint64_t block;

	memcpy(&header, bytes, sizeof(header));
	if (!geometry__header_is_sane(geometry, &header) ||
	    pool__bytes_wanted(geometry, &header) > size) {
		memset(live, 0, pool__word_cnt(geometry) * sizeof(*live));
		return false;
	}
	set_carved(block_places__of_class(places, (uint8_t)header.szidx),
		   header.nextoffset >> shift, pool__word_cnt(geometry), live);
	for (block = header.freeblock; block; free_cnt++) {
		uint64_t offset = block - address, unit = offset >> shift;

		/*
		 * Bits are set only at block addresses, so this checks all but the offset within a
		 * unit.
		 */
		if (offset >= header.nextoffset || offset & (geometry->alignment - 1) ||
		    !(live[unit / 64] >> (unit % 64) & 1))
			return false;
		live[unit / 64] &= ~(1UL << (unit % 64));
		memcpy(&block, bytes + offset, sizeof(block));
	}
	return (header.nextoffset - POOL_HEADER_BYTES) /
			       geometry__block_size(geometry, header.szidx) -
		       free_cnt ==
	       header.count;
}
