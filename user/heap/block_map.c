// SPDX-License-Identifier: BSD-2-Clause
/*
 * A hash map finds chunks by their number (address / chunk_bytes); the last chunk used is cached,
 * because allocations come in runs. A chunk is kept when its last block is freed, since another one
 * often follows; only the owner knows when no regions are left there.
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
	struct chunk_entry last;
	uint64_t chunk_bytes;
	/* Binary logarithms of the sizes in struct block_map_layout. */
	uint32_t shift, page_shift, chunk_shift;
	struct hash_map entries;
	struct block_map_chunk **chunks;
	size_t chunk_cnt, chunk_capacity;
	struct account *account;
};

/* Bytes per page of a chunk: the span's class and the two parts of its stamp. */
#define PAGE_COST_BYTES (sizeof(uint8_t) + sizeof(uint16_t) + sizeof(uint32_t))

size_t block_map__words_per_chunk(const struct block_map *map)
{
	return map->chunk_bytes >> map->shift >> 6;
}

uint64_t block_map__chunk_bytes(const struct block_map *map)
{
	return map->chunk_bytes;
}

uint32_t block_map__alignment(const struct block_map *map)
{
	return 1U << map->shift;
}

size_t block_map__pages_per_chunk(const struct block_map *map)
{
	return map->chunk_bytes >> map->page_shift;
}

size_t block_map__chunk_cost_bytes(const struct block_map_layout *layout)
{
	return sizeof(struct block_map_chunk) + layout->chunk_bytes / layout->alignment / 8 +
	       layout->chunk_bytes / layout->page_bytes * PAGE_COST_BYTES;
}

int block_map__new(struct block_map **out, const struct block_map_layout *layout,
		   struct account *account)
{
	_cleanup_(block_map__freep) struct block_map *map = NULL;
	int err;

	map = account__calloc(account, 1, sizeof(*map));
	if (!map)
		return -errno;
	map->account = account;
	map->chunk_bytes = layout->chunk_bytes;
	map->shift = (uint32_t)__builtin_ctz(layout->alignment);
	map->page_shift = (uint32_t)__builtin_ctz(layout->page_bytes);
	map->chunk_shift = (uint32_t)__builtin_ctzl(layout->chunk_bytes);
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

static uint64_t key_of(const struct block_map *map, uint64_t address)
{
	return (address >> map->chunk_shift) + 1;
}

static struct block_map_chunk *find_chunk(const struct block_map *map, uint64_t address)
{
	uint64_t key = key_of(map, address);
	const struct chunk_entry *entry;

	if (map->last.key == key)
		return map->last.chunk;
	entry = hash_map__find(&map->entries, key);
	return entry ? entry->chunk : NULL;
}

/* The hash map must have room for another entry. */
static void enter(struct block_map *map, struct block_map_chunk *chunk)
{
	struct chunk_entry *entry = hash_map__add(&map->entries, key_of(map, chunk->address));

	entry->chunk = chunk;
}

/* Creates an empty chunk; the arrays with an item for each page follow its bits. */
static struct block_map_chunk *new_chunk(const struct block_map *map, uint64_t address)
{
	size_t words = block_map__words_per_chunk(map), pages = block_map__pages_per_chunk(map);
	struct block_map_chunk *chunk = account__calloc(map->account, 1,
							sizeof(*chunk) + words * sizeof(uint64_t) +
								pages * PAGE_COST_BYTES);

	if (!chunk)
		return NULL;
	chunk->address = address & ~(map->chunk_bytes - 1);
	chunk->stamp_place = (uint32_t *)(void *)&chunk->bits[words];
	chunk->stamp_count = (uint16_t *)(void *)&chunk->stamp_place[pages];
	chunk->span_class = (uint8_t *)&chunk->stamp_count[pages];
	memset(chunk->span_class, CLASS_UNKNOWN, pages);
	return chunk;
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
	chunk = new_chunk(map, address);
	if (!chunk)
		return -errno;
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
	map->last = (struct chunk_entry){.key = key_of(map, address), .chunk = chunk};
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
	return (address & (map->chunk_bytes - 1)) >> map->shift;
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
	map->last = (struct chunk_entry){.key = key_of(map, address), .chunk = chunk};
	chunk->bits[bit >> 6] &= ~mask;
}

bool block_map__contains(const struct block_map *map, uint64_t address)
{
	const struct block_map_chunk *chunk = find_chunk(map, address);
	size_t bit = bit_of(map, address);

	return chunk && chunk->bits[bit >> 6] >> (bit & 63) & 1;
}

/* The part of [address, end) that lies in the chunk of @address. */
static uint64_t clip_to_chunk(const struct block_map *map, uint64_t address, uint64_t end)
{
	uint64_t chunk_end = (address & ~(map->chunk_bytes - 1)) + map->chunk_bytes;

	return end < chunk_end ? end : chunk_end;
}

static size_t page_of(const struct block_map *map, uint64_t address)
{
	return (address & (map->chunk_bytes - 1)) >> map->page_shift;
}

static void clear_stamps(const struct block_map *map, struct block_map_chunk *chunk,
			 uint64_t address, uint64_t end)
{
	memset(&chunk->stamp_count[page_of(map, address)], 0,
	       ((end - address) >> map->page_shift) * sizeof(*chunk->stamp_count));
}

static void fill_bits(const struct block_map *map, struct block_map_chunk *chunk, uint64_t address,
		      uint64_t end, int byte)
{
	memset((uint8_t *)chunk->bits + bit_of(map, address) / 8, byte,
	       (end - address) >> map->shift >> 3);
	clear_stamps(map, chunk, address, end);
	for (; address < end; address += 1UL << map->page_shift)
		if (chunk->span_class[page_of(map, address)] == CLASS_UNREAD)
			chunk->span_class[page_of(map, address)] = CLASS_UNKNOWN;
}

int block_map__insert_range(struct block_map *map, uint64_t address, uint64_t size)
{
	uint64_t end = address + size;

	while (address < end) {
		uint64_t part_end = clip_to_chunk(map, address, end);
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

/*
 * Visits the parts of [@address, @end) that lie in chunks, in any order. A range may be of
 * terabytes, with hardly a chunk.
 */
typedef void part_fn(const struct block_map *map, struct block_map_chunk *chunk, uint64_t address,
		     uint64_t end, void *context);

static void visit_parts(const struct block_map *map, uint64_t address, uint64_t end, part_fn *visit,
			void *context)
{
	if (end <= address)
		return;
	if ((end - address) >> map->chunk_shift > map->chunk_cnt) {
		for (size_t i = 0; i < map->chunk_cnt; i++) {
			struct block_map_chunk *chunk = map->chunks[i];
			uint64_t from = chunk->address > address ? chunk->address : address;
			uint64_t to = clip_to_chunk(map, chunk->address, end);

			if (from < to)
				visit(map, chunk, from, to, context);
		}
		return;
	}
	while (address < end) {
		uint64_t part_end = clip_to_chunk(map, address, end);
		struct block_map_chunk *chunk = find_chunk(map, address);

		if (chunk)
			visit(map, chunk, address, part_end, context);
		address = part_end;
	}
}

/* Clears the stamps of a part, and its bits as well unless *@context, a bool, is set. */
static void clear_part(const struct block_map *map, struct block_map_chunk *chunk, uint64_t address,
		       uint64_t end, void *context)
{
	const bool *keep_bits = context;

	if (*keep_bits)
		clear_stamps(map, chunk, address, end);
	else
		fill_bits(map, chunk, address, end, 0);
}

static void clear_range(struct block_map *map, uint64_t address, uint64_t size, bool keep_bits)
{
	visit_parts(map, address, address + size, clear_part, &keep_bits);
}

void block_map__remove_range(struct block_map *map, uint64_t address, uint64_t size)
{
	clear_range(map, address, size, false);
}

void block_map__forget_stamps(struct block_map *map, uint64_t address, uint64_t size)
{
	clear_range(map, address, size, true);
}

int block_map__set_span(struct block_map *map, uint64_t span_address, uint8_t size_class,
			uint64_t stamp, const uint64_t *live, size_t word_cnt)
{
	struct block_map_chunk *chunk;
	int err;

	err = block_map__get_chunk(map, span_address, &chunk);
	if (err)
		return err;
	chunk->span_class[page_of(map, span_address)] = size_class;
	chunk->stamp_count[page_of(map, span_address)] = (uint16_t)(stamp >> 32);
	chunk->stamp_place[page_of(map, span_address)] = (uint32_t)stamp;
	memcpy(&chunk->bits[bit_of(map, span_address) >> 6], live, word_cnt * sizeof(*live));
	return 0;
}

int block_map__set_class(struct block_map *map, uint64_t span_address, uint8_t size_class)
{
	struct block_map_chunk *chunk;
	int err;

	err = block_map__get_chunk(map, span_address, &chunk);
	if (err)
		return err;
	chunk->span_class[page_of(map, span_address)] = size_class;
	return 0;
}

uint8_t block_map__class(const struct block_map *map, uint64_t span_address)
{
	const struct block_map_chunk *chunk = find_chunk(map, span_address);

	if (!chunk)
		return CLASS_UNKNOWN;
	return chunk->span_class[page_of(map, span_address)];
}

uint64_t block_map__stamp(const struct block_map *map, uint64_t span_address)
{
	const struct block_map_chunk *chunk = find_chunk(map, span_address);
	size_t page = page_of(map, span_address);

	if (!chunk || !chunk->stamp_count[page])
		return 0;
	return (uint64_t)chunk->stamp_count[page] << 32 | chunk->stamp_place[page];
}

const uint64_t *block_map__span_bits(const struct block_map *map, uint64_t span_address)
{
	const struct block_map_chunk *chunk = find_chunk(map, span_address);

	return chunk ? &chunk->bits[bit_of(map, span_address) >> 6] : NULL;
}

/* Bit @first and the following ones in the same word. */
static uint64_t word_from(const struct block_map_chunk *chunk, size_t first)
{
	return chunk->bits[first >> 6] & ~0UL << (first & 63);
}

static uint32_t count_bits(const struct block_map_chunk *chunk, size_t first, size_t end)
{
	uint32_t cnt = 0;

	if (first & 63) {
		cnt = (uint32_t)__builtin_popcountll(word_from(chunk, first));
		first = (first | 63) + 1;
	}
	for (; first < end; first += 64)
		cnt += (uint32_t)__builtin_popcountll(chunk->bits[first >> 6]);
	/* All bits of the last word were counted. */
	return end & 63 ? cnt - (uint32_t)__builtin_popcountll(word_from(chunk, end)) : cnt;
}

static void count_part(const struct block_map *map, struct block_map_chunk *chunk, uint64_t address,
		       uint64_t end, void *context)
{
	uint32_t *cnt = context;

	*cnt += count_bits(chunk, bit_of(map, address),
			   bit_of(map, address) + ((end - address) >> map->shift));
}

uint32_t block_map__count(const struct block_map *map, uint64_t address, uint64_t size)
{
	uint32_t cnt = 0;

	visit_parts(map, address, address + size, count_part, &cnt);
	return cnt;
}

/* The first set bit from @first on; @end if there is none before it. */
static size_t find_bit(const struct block_map_chunk *chunk, size_t first, size_t end)
{
	while (first < end) {
		uint64_t word = word_from(chunk, first);

		if (word) {
			first = (first & ~63UL) + (size_t)__builtin_ctzll(word);
			break;
		}
		first = (first | 63) + 1;
	}
	return first < end ? first : end;
}

bool block_map__next(const struct block_map *map, uint64_t *address, uint64_t end)
{
	uint64_t at = *address;

	while (at < end) {
		uint64_t part_end = clip_to_chunk(map, at, end);
		const struct block_map_chunk *chunk = find_chunk(map, at);
		size_t first = bit_of(map, at);
		size_t cnt = (part_end - at) >> map->shift, found = cnt;

		if (chunk)
			found = find_bit(chunk, first, first + cnt) - first;
		if (found < cnt) {
			*address = at + ((uint64_t)found << map->shift);
			return true;
		}
		at = part_end;
	}
	return false;
}

/* The last set bit before @end; @end if there is none from @first on. */
static size_t find_last_bit(const struct block_map_chunk *chunk, size_t first, size_t end)
{
	size_t last = end;

	while (last > first) {
		size_t place = (last - 1) & ~63UL;
		uint64_t word = chunk->bits[place >> 6] & ~0UL >> (63 - ((last - 1) & 63));

		if (word) {
			last = place + 63 - (size_t)__builtin_clzll(word);
			return last >= first ? last : end;
		}
		last = place;
	}
	return end;
}

bool block_map__previous(const struct block_map *map, uint64_t *address, uint64_t start)
{
	uint64_t at = *address;

	while (at > start) {
		uint64_t part = (at - 1) & ~(map->chunk_bytes - 1);
		const struct block_map_chunk *chunk = find_chunk(map, part);
		size_t first, cnt, found;

		part = part > start ? part : start;
		first = bit_of(map, part);
		cnt = (at - part) >> map->shift;
		found = chunk ? find_last_bit(chunk, first, first + cnt) - first : cnt;
		if (found < cnt) {
			*address = part + ((uint64_t)found << map->shift);
			return true;
		}
		at = part;
	}
	return false;
}

const struct block_map_chunk *block_map__chunk(const struct block_map *map, uint64_t address)
{
	return find_chunk(map, address);
}

struct block_map_chunk *block_map__chunk_to_change(struct block_map *map, uint64_t address)
{
	return find_chunk(map, address);
}

const struct block_map_chunk *block_map__chunk_at(const struct block_map *map, size_t index)
{
	return index < map->chunk_cnt ? map->chunks[index] : NULL;
}
