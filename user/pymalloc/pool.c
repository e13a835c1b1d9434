// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/pool.h"

#include <string.h>

bool pool__is_full(const struct geometry *geometry, const struct pool_header *header)
{
	return geometry__header_is_sane(geometry, header) && !header->freeblock &&
	       header->nextoffset > header->maxnextoffset &&
	       header->count == geometry__pool_capacity(geometry, header->szidx);
}

/* Offsets are multiples of 8 and at most 65536: 13 bits each (65536 is told from others as 0). */
uint64_t pool__stamp(const struct pool_header *header)
{
	return (uint64_t)header->count << 32 | (header->freeblock >> 3 & 0x1fff) << 19 |
	       (header->nextoffset >> 3 & 0x1fff) << 6 | header->szidx;
}

uint32_t pool__stamp_count(uint64_t stamp)
{
	return (uint32_t)(stamp >> 32);
}

/* Sets the first @carved blocks, and no others. */
static void set_carved(const struct geometry *geometry, uint32_t block_size, uint32_t carved,
		       uint64_t *live)
{
	uint32_t unit = POOL_HEADER_BYTES / geometry->alignment;

	memset(live, 0, pool__word_cnt(geometry) * sizeof(*live));
	for (uint32_t i = 0; i < carved; i++) {
		live[unit / 64] |= 1UL << (unit % 64);
		unit += block_size / geometry->alignment;
	}
}

void pool__set_all(const struct geometry *geometry, uint32_t size_class, uint64_t *live)
{
	set_carved(geometry, geometry__block_size(geometry, size_class),
		   geometry__pool_capacity(geometry, size_class), live);
}

uint32_t pool__bytes_wanted(const struct geometry *geometry, const struct pool_header *header)
{
	return header->nextoffset - geometry__block_size(geometry, header->szidx) +
	       (uint32_t)sizeof(uint64_t);
}

bool pool__decode(const struct geometry *geometry, uint64_t address, const uint8_t *bytes,
		  size_t size, uint64_t *live)
{
	uint32_t block_size, carved, free_cnt = 0;
	struct pool_header header;
	uint64_t block;

	memcpy(&header, bytes, sizeof(header));
	if (!geometry__header_is_sane(geometry, &header) ||
	    pool__bytes_wanted(geometry, &header) > size) {
		memset(live, 0, pool__word_cnt(geometry) * sizeof(*live));
		return false;
	}
	block_size = geometry__block_size(geometry, header.szidx);
	carved = (header.nextoffset - POOL_HEADER_BYTES) / block_size;
	set_carved(geometry, block_size, carved, live);
	for (block = header.freeblock; block; free_cnt++) {
		uint64_t offset = block - address, unit = offset / geometry->alignment;

		if (offset < POOL_HEADER_BYTES || offset >= header.nextoffset ||
		    (offset - POOL_HEADER_BYTES) % block_size ||
		    !(live[unit / 64] >> (unit % 64) & 1))
			return false;
		live[unit / 64] &= ~(1UL << (unit % 64));
		memcpy(&block, bytes + offset, sizeof(block));
	}
	return carved - free_cnt == header.count;
}
