// SPDX-License-Identifier: BSD-2-Clause
#include "census/block_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/hash_map.h"

#define PAGE_BYTES  4096
#define CHUNK_SHIFT 20
#define POOL_NONE   UINT32_MAX

/* Which pools 1 MiB of addresses belongs to, by page. */
struct block_chunk {
	uint64_t key;	     /* chunk_key() */
	uint32_t pools[256]; /* numbers, or POOL_NONE */
};

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

/* The number of the page of @address in its chunk. */
static size_t page_of(uint64_t address)
{
	return address / PAGE_BYTES % 256;
}

static size_t count_chunks(const struct block_table *table)
{
	size_t cnt = 0;

	for (size_t i = 0; i < table->pool_cnt; i++)
		cnt += !i || table->pools[i].address >> CHUNK_SHIFT !=
				     table->pools[i - 1].address >> CHUNK_SHIFT;
	return cnt;
}

static uint64_t chunk_key(uint64_t address)
{
	return (address >> CHUNK_SHIFT) + 1;
}

static int index_pool(struct block_table *table, uint32_t i, uint32_t pool_size)
{
	uint64_t address = table->pools[i].address, end = address + pool_size;

	for (; address < end; address += PAGE_BYTES) {
		uint64_t key = chunk_key(address);
		struct block_chunk *chunk = hash_map__find(&table->chunks, key);

		if (!chunk) {
			chunk = hash_map__add(&table->chunks, key);
			if (!chunk)
				return -errno;
			memset(chunk->pools, 0xff, sizeof(chunk->pools));
		}
		chunk->pools[page_of(address)] = i;
	}
	return 0;
}

static int index_pools(struct block_table *table, uint32_t pool_size)
{
	int err;

	table->chunks = (struct hash_map){.entry_bytes = sizeof(struct block_chunk),
					  .account = table->account};
	err = hash_map__reserve(&table->chunks, count_chunks(table));
	for (size_t i = 0; i < table->pool_cnt && !err; i++)
		err = index_pool(table, (uint32_t)i, pool_size);
	return err;
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
	hash_map__release(&table->chunks);
	*table = (struct block_table){};
}

uint32_t block_table__locate(const struct block_table *table, uint64_t address, uint64_t *start)
{
	const struct block_chunk *chunk = hash_map__find(&table->chunks, chunk_key(address));
	const struct block_pool *pool;
	uint64_t offset;
	uint32_t index;

	if (!chunk || chunk->pools[page_of(address)] == POOL_NONE)
		return PLACE_NONE;
	pool = &table->pools[chunk->pools[page_of(address)]];
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
