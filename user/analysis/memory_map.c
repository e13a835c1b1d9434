// SPDX-License-Identifier: BSD-2-Clause
/*
 * A sector is free if no byte of it belongs to a live block, and used in full if nothing in it
 * could be allocated: live blocks, and the pool headers and tails around them. So each arena is
 * walked block by block, and for each sector two sums are kept: bytes that are live, and bytes that
 * are to be had.
 */
#include "analysis/memory_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pymalloc/pool.h"
#include "util/account.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

#define SECTOR_BYTES_MIN 256

struct sector_sums {
	uint64_t live, available;
};

void memory_map__free(struct memory_map *map)
{
	for (size_t i = 0; i < map->region_cnt; i++)
		account__free(map->regions[i].sectors);
	account__free(map->regions);
	*map = (struct memory_map){};
}

double memory_map_region__fragmentation(const struct memory_map_region *region)
{
	return 1.0 - (double)region->live_bytes / (double)(region->end - region->start);
}

/* Adds @size bytes from @address on to one of the sums of each sector they lie in. */
static void add_bytes(const struct memory_map_region *region, struct sector_sums *sums,
		      uint64_t address, uint64_t size, bool live)
{
	while (size) {
		uint64_t sector = (address - region->start) / region->sector_bytes;
		uint64_t room = region->start + (sector + 1) * region->sector_bytes - address;
		uint64_t part = size < room ? size : room;

		if (live)
			sums[sector].live += part;
		else
			sums[sector].available += part;
		address += part;
		size -= part;
	}
}

static void add_pool(const struct heap *heap, struct memory_map_region *region,
		     struct sector_sums *sums, uint64_t pool)
{
	const struct geometry *geometry = &heap->geometry;
	const uint64_t *bits = block_map__pool_bits(heap->blocks, pool);
	uint8_t size_class = block_map__class(heap->blocks, pool);
	uint32_t size, capacity, live_cnt = 0;

	for (size_t i = 0; bits && i < pool__word_cnt(geometry); i++)
		live_cnt += (uint32_t)__builtin_popcountll(bits[i]);
	if (!live_cnt || size_class >= geometry__class_cnt(geometry)) {
		add_bytes(region, sums, pool, geometry->pool_size, false);
		return;
	}
	size = geometry__block_size(geometry, size_class);
	capacity = geometry__pool_capacity(geometry, size_class);
	for (uint32_t i = 0; i < capacity; i++) {
		uint64_t offset = POOL_HEADER_BYTES + (uint64_t)i * size;
		uint64_t unit = offset / geometry->alignment;
		bool live = bits[unit / 64] >> (unit % 64) & 1;

		add_bytes(region, sums, pool + offset, size, live);
		if (live)
			region->live_bytes += size;
	}
}

static void add_arena(const struct heap *heap, struct memory_map_region *region,
		      struct sector_sums *sums, uint64_t address)
{
	uint64_t pool = geometry__first_pool(&heap->geometry, address);
	uint32_t pools = geometry__arena_pools(&heap->geometry, address);

	for (uint32_t i = 0; i < pools; i++)
		add_pool(heap, region, sums, pool + (uint64_t)i * heap->geometry.pool_size);
}

static void count_run(char sector, char kind, uint64_t *run, uint64_t *total, uint64_t *longest)
{
	if (sector != kind) {
		*run = 0;
		return;
	}
	(*total)++;
	if (++*run > *longest)
		*longest = *run;
}

static void count_sectors(struct memory_map_region *region)
{
	uint64_t used_run = 0, free_run = 0;

	for (const char *sector = region->sectors; *sector; sector++) {
		count_run(*sector, '*', &used_run, &region->used, &region->longest_used);
		count_run(*sector, ' ', &free_run, &region->free, &region->longest_free);
		region->partial += *sector == '-';
	}
}

/* Draws the arenas first to last, which lie side by side. */
static int draw_region(struct memory_map_region *region, const struct heap *heap, size_t first,
		       size_t last)
{
	_cleanup_account_free_ struct sector_sums *sums = NULL;
	uint64_t size, cnt;
	int err = 0;

	region->start = heap->arenas[first].address;
	region->end = heap->arenas[last].address + heap->geometry.arena_size;
	size = region->end - region->start;
	region->sector_bytes = SECTOR_BYTES_MIN;
	while (size / region->sector_bytes > MEMORY_MAP_COLUMNS * MEMORY_MAP_LINES)
		region->sector_bytes *= 2;
	cnt = (size + region->sector_bytes - 1) / region->sector_bytes;
	sums = account__calloc(heap->account, cnt, sizeof(*sums));
	if (!sums)
		return -errno;
	region->sectors = account__alloc(heap->account, cnt + 1);
	if (!region->sectors)
		return -errno;
	for (size_t i = first; i <= last && !(err = cpu_allowance__check()); i++)
		add_arena(heap, region, sums, heap->arenas[i].address);
	if (err)
		return err;
	for (uint64_t i = 0; i < cnt; i++)
		region->sectors[i] = !sums[i].live ? ' ' : sums[i].available ? '-' : '*';
	region->sectors[cnt] = '\0';
	count_sectors(region);
	return 0;
}

int memory_map__draw(struct memory_map *out, const struct heap *heap)
{
	_cleanup_(memory_map__free) struct memory_map map = {};
	size_t capacity = 0, last;

	for (size_t first = 0; first < heap->arena_cnt; first = last + 1) {
		int err;

		last = first;
		while (last + 1 < heap->arena_cnt &&
		       heap->arenas[last + 1].address - heap->arenas[last].address ==
			       heap->geometry.arena_size)
			last++;
		err = ACCOUNT_RESERVE(heap->account, map.regions, capacity, map.region_cnt + 1);
		if (err)
			return err;
		map.regions[map.region_cnt] = (struct memory_map_region){};
		err = draw_region(&map.regions[map.region_cnt++], heap, first, last);
		if (err)
			return err;
	}
	*out = map;
	map = (struct memory_map){};
	return 0;
}
