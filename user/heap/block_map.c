// SPDX-License-Identifier: BSD-2-Clause
/*
 * Chunks are found through a hash map; the chunk last used is remembered, for allocations come in
 * runs. They are kept when their last block goes, for another one often comes; only their owner
 * knows when there are no arenas there any more.
 */
#include "heap/block_map.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/hash_map.h"

struct chunk_entry {
	uint64_t key; /* key_of() */
	struct block_map_chunk *chunk;
};

struct block_map {
	struct hash_map entries;
	struct block_map_chunk **chunks;
	size_t chunk_cnt, chunk_capacity;
	struct account *account;
	struct chunk_entry last;
	uint32_t shift; /* alignment = 1 << shift */
};

#define PAGE_BYTES (CHUNK_BYTES / CHUNK_PAGES)

static size_t words_per_chunk(uint32_t shift)
{
	return CHUNK_BYTES >> shift >> 6;
}

size_t block_map__chunk_cost_bytes(uint32_t alignment)
{
	return sizeof(struct block_map_chunk) + CHUNK_BYTES / alignment / 8;
}

int block_map__new(struct block_map **out, uint32_t alignment, struct account *account)
{
	_cleanup_(block_map__freep) struct block_map *map = NULL;
	int err;

	map = account__calloc(account, 1, sizeof(*map));
	if (!map)
		return -errno;
	map->account = account;
	map->shift = alignment == 8 ? 3 : 4;
	map->entries =
		(struct hash_map){.entry_bytes = sizeof(struct chunk_entry), .account = account};
	err = hash_map__reserve(&map->entries, 1);
	if (err)
		return err;
	*out = TAKE_PTR(map);
	return 0;
}

void block_map__free(struct block_map *map)
{
	if (!map)
		return;
	for (size_t i = 0; i < map->chunk_cnt; i++)
		account__free(map->chunks[i]);
	account__free((void *)map->chunks);
	hash_map__release(&map->entries);
	account__free(map);
}

void block_map__freep(struct block_map **map)
{
	block_map__free(*map);
}

static uint64_t key_of(uint64_t address)
{
	return address / CHUNK_BYTES + 1;
}

static struct block_map_chunk *find_chunk(const struct block_map *map, uint64_t address)
{
	uint64_t key = key_of(address);
	const struct chunk_entry *entry;

	if (map->last.key == key)
		return map->last.chunk;
	entry = hash_map__find(&map->entries, key);
	return entry ? entry->chunk : NULL;
}

/* There is room for it. */
static void enter(struct block_map *map, struct block_map_chunk *chunk)
{
	struct chunk_entry *entry = hash_map__add(&map->entries, key_of(chunk->address));

	entry->chunk = chunk;
}

static int add_chunk(struct block_map *map, uint64_t address, struct block_map_chunk **out)
{
	int err = hash_map__reserve(&map->entries, map->chunk_cnt + 1);
	struct block_map_chunk *chunk;

	if (err)
		return err;
	err = ACCOUNT_RESERVE(map->account, map->chunks, map->chunk_capacity, map->chunk_cnt + 1);
	if (err)
		return err;
	chunk = account__calloc(map->account, 1,
				sizeof(*chunk) + words_per_chunk(map->shift) * sizeof(uint64_t));
	if (!chunk)
		return -errno;
	chunk->address = address / CHUNK_BYTES * CHUNK_BYTES;
	memset(chunk->pool_class, CLASS_UNKNOWN, sizeof(chunk->pool_class));
	map->chunks[map->chunk_cnt++] = chunk;
	enter(map, chunk);
	*out = chunk;
	return 0;
}

int block_map__get_chunk(struct block_map *map, uint64_t address, struct block_map_chunk **out)
{
	struct block_map_chunk *chunk = find_chunk(map, address);
	int err;

	if (!chunk) {
		err = add_chunk(map, address, &chunk);
		if (err)
			return err;
	}
	map->last = (struct chunk_entry){.key = key_of(address), .chunk = chunk};
	*out = chunk;
	return 0;
}

void block_map__drop_chunks(struct block_map *map, block_map_keeps *keeps, const void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < map->chunk_cnt; i++) {
		if (keeps(map->chunks[i]->address, context))
			map->chunks[kept++] = map->chunks[i];
		else
			account__free(map->chunks[i]);
	}
	if (kept == map->chunk_cnt)
		return;
	map->chunk_cnt = kept;
	map->last = (struct chunk_entry){};
	hash_map__clear(&map->entries);
	for (size_t i = 0; i < kept; i++)
		enter(map, map->chunks[i]);
	hash_map__shrink(&map->entries);
}

size_t block_map__chunk_cnt(const struct block_map *map)
{
	return map->chunk_cnt;
}

static size_t bit_of(const struct block_map *map, uint64_t address)
{
	return (address & (CHUNK_BYTES - 1)) >> map->shift;
}

int block_map__insert(struct block_map *map, uint64_t address, bool *was_live)
{
	struct block_map_chunk *chunk;
	size_t bit = bit_of(map, address);
	uint64_t mask = 1UL << (bit & 63);
	int err;

	err = block_map__get_chunk(map, address, &chunk);
	if (err)
		return err;
	*was_live = chunk->bits[bit >> 6] & mask;
	chunk->bits[bit >> 6] |= mask;
	return 0;
}

void block_map__remove(struct block_map *map, uint64_t address, bool *was_live)
{
	struct block_map_chunk *chunk = find_chunk(map, address);
	size_t bit = bit_of(map, address);
	uint64_t mask = 1UL << (bit & 63);

	*was_live = chunk && chunk->bits[bit >> 6] & mask;
	if (!chunk)
		return;
	map->last = (struct chunk_entry){.key = key_of(address), .chunk = chunk};
	chunk->bits[bit >> 6] &= ~mask;
}

bool block_map__contains(const struct block_map *map, uint64_t address)
{
	const struct block_map_chunk *chunk = find_chunk(map, address);
	size_t bit = bit_of(map, address);

	return chunk && chunk->bits[bit >> 6] >> (bit & 63) & 1;
}

/* The part of [address, end) that lies in the chunk of @address. */
static uint64_t clip_to_chunk(uint64_t address, uint64_t end)
{
	uint64_t chunk_end = (address & ~(CHUNK_BYTES - 1)) + CHUNK_BYTES;

	return end < chunk_end ? end : chunk_end;
}

static size_t page_of(uint64_t address)
{
	return (address & (CHUNK_BYTES - 1)) / PAGE_BYTES;
}

static void clear_stamps(struct block_map_chunk *chunk, uint64_t address, uint64_t end)
{
	memset(&chunk->stamp_count[page_of(address)], 0,
	       (end - address) / PAGE_BYTES * sizeof(*chunk->stamp_count));
}

static void fill_bits(const struct block_map *map, struct block_map_chunk *chunk, uint64_t address,
		      uint64_t end, int byte)
{
	memset((uint8_t *)chunk->bits + bit_of(map, address) / 8, byte,
	       (end - address) >> map->shift >> 3);
	clear_stamps(chunk, address, end);
}

int block_map__insert_range(struct block_map *map, uint64_t address, uint64_t size)
{
	uint64_t end = address + size;

	while (address < end) {
		uint64_t part_end = clip_to_chunk(address, end);
		struct block_map_chunk *chunk;
		int err;

		err = block_map__get_chunk(map, address, &chunk);
		if (err)
			return err;
		fill_bits(map, chunk, address, part_end, 0xff);
		address = part_end;
	}
	return 0;
}

/* Clears the stamps of a range, and its bits too unless they are to stay. */
static void clear_range(struct block_map *map, uint64_t address, uint64_t size, bool keep_bits)
{
	uint64_t end = address + size;

	while (address < end) {
		uint64_t part_end = clip_to_chunk(address, end);
		struct block_map_chunk *chunk = find_chunk(map, address);

		if (chunk && keep_bits)
			clear_stamps(chunk, address, part_end);
		else if (chunk)
			fill_bits(map, chunk, address, part_end, 0);
		address = part_end;
	}
}

void block_map__remove_range(struct block_map *map, uint64_t address, uint64_t size)
{
	clear_range(map, address, size, false);
}

void block_map__forget_stamps(struct block_map *map, uint64_t address, uint64_t size)
{
	clear_range(map, address, size, true);
}

int block_map__set_pool(struct block_map *map, uint64_t pool_address, uint8_t size_class,
			uint64_t stamp, const uint64_t *live, size_t word_cnt)
{
	struct block_map_chunk *chunk;
	int err;

	err = block_map__get_chunk(map, pool_address, &chunk);
	if (err)
		return err;
	chunk->pool_class[page_of(pool_address)] = size_class;
	chunk->stamp_count[page_of(pool_address)] = (uint16_t)(stamp >> 32);
	chunk->stamp_place[page_of(pool_address)] = (uint32_t)stamp;
	memcpy(&chunk->bits[bit_of(map, pool_address) >> 6], live, word_cnt * sizeof(*live));
	return 0;
}

int block_map__set_class(struct block_map *map, uint64_t pool_address, uint8_t size_class)
{
	struct block_map_chunk *chunk;
	int err;

	err = block_map__get_chunk(map, pool_address, &chunk);
	if (err)
		return err;
	chunk->pool_class[page_of(pool_address)] = size_class;
	return 0;
}

uint8_t block_map__class(const struct block_map *map, uint64_t pool_address)
{
	const struct block_map_chunk *chunk = find_chunk(map, pool_address);

	if (!chunk)
		return CLASS_UNKNOWN;
	return chunk->pool_class[page_of(pool_address)];
}

uint64_t block_map__stamp(const struct block_map *map, uint64_t pool_address)
{
	const struct block_map_chunk *chunk = find_chunk(map, pool_address);
	size_t page = page_of(pool_address);

	if (!chunk || !chunk->stamp_count[page])
		return 0;
	return (uint64_t)chunk->stamp_count[page] << 32 | chunk->stamp_place[page];
}

const uint64_t *block_map__pool_bits(const struct block_map *map, uint64_t pool_address)
{
	const struct block_map_chunk *chunk = find_chunk(map, pool_address);

	return chunk ? &chunk->bits[bit_of(map, pool_address) >> 6] : NULL;
}

uint32_t block_map__count(const struct block_map *map, uint64_t pool_address, uint32_t pool_size)
{
	const uint64_t *bits = block_map__pool_bits(map, pool_address);
	uint32_t cnt = 0;

	for (size_t i = 0; bits && i < pool_size >> map->shift >> 6; i++)
		cnt += (uint32_t)__builtin_popcountll(bits[i]);
	return cnt;
}

const struct block_map_chunk *block_map__chunk(const struct block_map *map, uint64_t address)
{
	return find_chunk(map, address);
}

const struct block_map_chunk *block_map__chunk_at(const struct block_map *map, size_t index)
{
	return index < map->chunk_cnt ? map->chunks[index] : NULL;
}

size_t block_map__words_per_chunk(const struct block_map *map)
{
	return words_per_chunk(map->shift);
}
