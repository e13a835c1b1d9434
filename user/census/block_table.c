// SPDX-License-Identifier: BSD-2-Clause
#include "census/block_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/hash.h"

#define PAGE_SHIFT  12
#define CHUNK_SHIFT 20
#define POOL_NONE   UINT32_MAX

static int add_pool(struct block_table *table, const struct geometry *geometry, uint64_t address,
		    uint8_t size_class)
{
	uint32_t block_cnt = geometry__pool_capacity(geometry, size_class);
	int err = ACCOUNT_RESERVE(table->account, table->pools, table->pool_capacity,
				  table->pool_cnt + 1);

	if (err)
		return err;
	if (table->place_cnt > PLACE_NONE - 1 - block_cnt)
		return -EFBIG;
	table->pools[table->pool_cnt++] = (struct block_pool){
		.address = address,
		.first_place = table->place_cnt,
		.block_size = (uint16_t)geometry__block_size(geometry, size_class),
		.block_cnt = (uint16_t)block_cnt,
	};
	table->place_cnt += block_cnt;
	return 0;
}

static int add_arena(struct block_table *table, const struct heap *heap, const struct arena *arena)
{
	const struct geometry *geometry = &heap->geometry;
	uint64_t pool = geometry__first_pool(geometry, arena->address);
	uint32_t cnt = geometry__arena_pools(geometry, arena->address);
	int err = 0;

	for (uint32_t i = 0; i < cnt && !err; i++, pool += geometry->pool_size) {
		uint8_t size_class = block_map__class(heap->blocks, pool);

		if (size_class < geometry__class_cnt(geometry) &&
		    block_map__count(heap->blocks, pool, geometry->pool_size))
			err = add_pool(table, geometry, pool, size_class);
	}
	return err;
}

static struct block_chunk *find_chunk(const struct block_table *table, uint64_t number)
{
	size_t at = hash__word(number) & (table->chunk_slot_cnt - 1);

	while (table->chunks[at].number && table->chunks[at].number != number)
		at = (at + 1) & (table->chunk_slot_cnt - 1);
	return &table->chunks[at];
}

static size_t count_chunks(const struct block_table *table)
{
	size_t cnt = 0;

	for (size_t i = 0; i < table->pool_cnt; i++)
		cnt += !i || table->pools[i].address >> CHUNK_SHIFT !=
				     table->pools[i - 1].address >> CHUNK_SHIFT;
	return cnt;
}

static int index_pools(struct block_table *table, uint32_t pool_size)
{
	table->chunk_slot_cnt = 64;
	while (table->chunk_slot_cnt < 2 * count_chunks(table))
		table->chunk_slot_cnt *= 2;
	table->chunks =
		account__calloc(table->account, table->chunk_slot_cnt, sizeof(*table->chunks));
	if (!table->chunks)
		return -errno;
	for (size_t i = 0; i < table->pool_cnt; i++)
		for (uint64_t page = table->pools[i].address >> PAGE_SHIFT;
		     page < (table->pools[i].address + pool_size) >> PAGE_SHIFT; page++) {
			struct block_chunk *chunk = find_chunk(table, page >> 8);

			if (!chunk->number)
				memset(chunk->pools, 0xff, sizeof(chunk->pools));
			chunk->number = page >> 8;
			chunk->pools[page & 0xff] = (uint32_t)i;
		}
	return 0;
}

int block_table__init(struct block_table *table, const struct heap *heap)
{
	_cleanup_(block_table__release) struct block_table made = {
		.account = heap->account,
		.pool_header_bytes = POOL_HEADER_BYTES,
	};
	int err = 0;

	for (size_t i = 0; i < heap->arena_cnt && !err; i++)
		err = add_arena(&made, heap, &heap->arenas[i]);
	if (!err)
		err = index_pools(&made, heap->geometry.pool_size);
	if (err)
		return err;
	if (made.pool_cnt) {
		made.start = made.pools[0].address;
		made.end = made.pools[made.pool_cnt - 1].address + heap->geometry.pool_size;
	}
	made.words = account__calloc(made.account, (size_t)made.place_cnt + 1, sizeof(*made.words));
	if (!made.words)
		return -errno;
	*table = made;
	made = (struct block_table){};
	return 0;
}

void block_table__release(struct block_table *table)
{
	account__free(table->pools);
	account__free(table->words);
	account__free(table->chunks);
	*table = (struct block_table){};
}

uint32_t block_table__locate(const struct block_table *table, uint64_t address, uint64_t *start)
{
	const struct block_chunk *chunk = find_chunk(table, address >> CHUNK_SHIFT);
	const struct block_pool *pool;
	uint64_t offset;
	uint32_t index;

	/* The slot is free, or a page of it is. */
	if (!chunk->number || address >> CHUNK_SHIFT == 0 ||
	    chunk->pools[address >> PAGE_SHIFT & 0xff] == POOL_NONE)
		return PLACE_NONE;
	pool = &table->pools[chunk->pools[address >> PAGE_SHIFT & 0xff]];
	offset = address - pool->address;
	if (offset < table->pool_header_bytes)
		return PLACE_NONE;
	index = (uint32_t)(offset - table->pool_header_bytes) / pool->block_size;
	*start = pool->address + table->pool_header_bytes + (uint64_t)index * pool->block_size;
	return index < pool->block_cnt ? pool->first_place + index : PLACE_NONE;
}

uint32_t block_table__find(const struct block_table *table, uint64_t address)
{
	uint64_t start;

	return block_table__locate(table, address, &start);
}

const struct block_pool *block_table__pool_of(const struct block_table *table, uint32_t place)
{
	size_t low = 0, high = table->pool_cnt;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (table->pools[middle].first_place <= place)
			low = middle;
		else
			high = middle;
	}
	return &table->pools[low];
}

uint64_t block_table__address(const struct block_table *table, uint32_t place)
{
	const struct block_pool *pool = block_table__pool_of(table, place);

	return pool->address + table->pool_header_bytes +
	       (uint64_t)(place - pool->first_place) * pool->block_size;
}

size_t block_table__first_pool(const struct block_table *table, uint64_t address)
{
	size_t low = 0, high = table->pool_cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->pools[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
