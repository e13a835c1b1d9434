// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever a copy of a pool contains, decoding reads nothing outside the copy, and finds
 * blocks only where the pool's size class has them, among the carved ones. If it says that the copy
 * is consistent, then as many blocks are live as the header counts, and the free ones are exactly
 * those on the free list. A pool that is full according to its header is full according to its
 * body.
 *
 * Input: 8 bytes that define the header, then edits of 4 bytes each: a link from one block to
 * another, or two bytes anywhere in the pool, its header included.
 */
#include <stdbool.h>

#include "fuzz.h"
#include "pymalloc/pool.h"
#include "pymalloc/pymalloc_layout.h"

#define POOL	   0x7f3b58404000UL
#define EDIT_RAW   0x8000
#define BLOCKS_MAX 8192 /* of 8 bytes in 64 KiB */

struct start {
	uint8_t geometry, size_class;
	uint16_t carved, count;
	uint16_t cut; /* bytes missing at the end of the copy */
};

static const struct geometry geometries[] = {
	{.arena_size = 256 << 10, .pool_size = 4096, .alignment = 8},
	{.arena_size = 256 << 10, .pool_size = 4096, .alignment = 16},
	{.arena_size = 1 << 20, .pool_size = 16384, .alignment = 16},
	{.arena_size = 2 << 20, .pool_size = 65536, .alignment = 8},
};

/* A consistent header, except for its count. */
static struct pool_header make_header(const struct geometry *geometry, const struct start *start)
{
	uint32_t size_class = start->size_class % geometry__class_cnt(geometry);
	uint32_t size = geometry__block_size(geometry, size_class);
	uint32_t carved = 2 + start->carved % (geometry__pool_capacity(geometry, size_class) - 1);

	return (struct pool_header){
		.count = start->count,
		.szidx = size_class,
		.nextoffset = (uint32_t)POOL_HEADER_BYTES + carved * size,
		.maxnextoffset = geometry->pool_size - size,
	};
}

static void edit_pool(const struct geometry *geometry, uint32_t block_size, uint16_t where,
		      uint16_t value, uint8_t *bytes)
{
	uint32_t capacity = (geometry->pool_size - (uint32_t)POOL_HEADER_BYTES) / block_size;
	uint32_t at = (where & 0x7fff) * 2 % geometry->pool_size;
	uint64_t link = 0;

	if (where & EDIT_RAW) {
		memcpy(bytes + at, &value, sizeof(value));
		return;
	}
	if (value)
		link = POOL + POOL_HEADER_BYTES + (value - 1U) % capacity * block_size;
	/* Block 0 stands for the head of the free list. */
	at = where % (capacity + 1);
	at = at ? (uint32_t)POOL_HEADER_BYTES + (at - 1) * block_size
		: (uint32_t)offsetof(struct pool_header, freeblock);
	memcpy(bytes + at, &link, sizeof(link));
}

/* Walks the free list as CPython defines it. Returns the number of blocks on it. */
static uint32_t walk_chain(const struct pool_header *header, const uint8_t *bytes,
			   uint32_t block_size, bool *met)
{
	uint32_t cnt = 0;

	for (uint64_t block = header->freeblock; block; cnt++) {
		uint32_t index = (uint32_t)(block - POOL - POOL_HEADER_BYTES) / block_size;

		CHECK(index < BLOCKS_MAX && !met[index]);
		met[index] = true;
		memcpy(&block, bytes + (block - POOL), sizeof(block));
	}
	return cnt;
}

static void check_blocks(const struct geometry *geometry, const struct pool_header *header,
			 const uint8_t *bytes, const uint64_t *live)
{
	uint32_t size = geometry__block_size(geometry, header->szidx), found = 0;
	uint32_t carved = (header->nextoffset - (uint32_t)POOL_HEADER_BYTES) / size;
	bool met[BLOCKS_MAX] = {};
	uint32_t free_cnt = walk_chain(header, bytes, size, met);

	for (uint32_t i = 0; i < carved; i++) {
		uint32_t unit = ((uint32_t)POOL_HEADER_BYTES + i * size) / geometry->alignment;
		bool is_live = live[unit / 64] >> (unit % 64) & 1;

		CHECK(is_live != met[i]);
		found += is_live;
	}
	CHECK(found == header->count && found + free_cnt == carved);
	if (pool__is_full(geometry, header))
		CHECK(found == geometry__pool_capacity(geometry, header->szidx));
}

static void check_decoding(const struct geometry *geometry, const uint8_t *bytes, size_t size)
{
	const struct heap_layout layout = pymalloc_layout__of(geometry);
	uint64_t live[POOL_WORDS_MAX], all[POOL_WORDS_MAX];
	struct block_places *places;
	struct pool_header header;
	bool agrees, sane;

	CHECK(!block_places__new(&places, &layout));
	memcpy(&header, bytes, sizeof(header));
	memset(live, 0xff, sizeof(live));
	agrees = pool__decode(geometry, places, POOL, bytes, size, live);
	sane = geometry__header_is_sane(geometry, &header);
	CHECK(sane || !agrees);
	memset(all, 0, sizeof(all));
	if (sane)
		memcpy(all, block_places__of_class(places, (uint8_t)header.szidx),
		       pool__word_cnt(geometry) * sizeof(*all));
	for (size_t i = 0; i < pool__word_cnt(geometry); i++)
		CHECK(!(live[i] & ~all[i]));
	if (sane) {
		CHECK(pool__bytes_wanted(geometry, &header) <= geometry->pool_size);
		CHECK(!agrees || pool__bytes_wanted(geometry, &header) <= size);
	}
	if (agrees)
		check_blocks(geometry, &header, bytes, live);
	free(places);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	const struct geometry *geometry;
	struct pool_header header;
	struct start start;
	uint8_t *bytes, *copy;
	size_t copied;

	fuzz_input__take(&input, &start, sizeof(start));
	geometry = &geometries[start.geometry % (sizeof(geometries) / sizeof(geometries[0]))];
	header = make_header(geometry, &start);
	bytes = calloc(1, geometry->pool_size);
	CHECK(bytes);
	memcpy(bytes, &header, sizeof(header));
	while (input.size) {
		uint16_t edit[2];

		fuzz_input__take(&input, edit, sizeof(edit));
		edit_pool(geometry, geometry__block_size(geometry, header.szidx), edit[0], edit[1],
			  bytes);
	}
	/* Exactly its size, so that the sanitizer detects a read past its end. */
	copied = geometry->pool_size - start.cut % (geometry->pool_size - sizeof(header) + 1);
	copy = malloc(copied);
	CHECK(copy);
	memcpy(copy, bytes, copied);
	check_decoding(geometry, copy, copied);
	free(copy);
	free(bytes);
	return 0;
}
