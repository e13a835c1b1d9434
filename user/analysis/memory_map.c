// SPDX-License-Identifier: BSD-2-Clause
/*
 * A sector is free if no byte of it belongs to a live block. It is used in full if nothing in it
 * could be allocated: it has only live blocks, and the headers and tails of spans around them. So
 * each arena is walked block by block, with two sums for each sector: of live bytes and of
 * available bytes.
 */
#include "analysis/memory_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* Adds @size bytes from @address on to one of the sums of each sector that they are in. */
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

static void add_span(const struct heap *heap, struct memory_map_region *region,
		     struct sector_sums *sums, const struct span *span)
{
	uint64_t block = span->address + span->first_block;

	if (!block_map__count(heap->blocks, span->address, span->size) ||
	    span->size_class >= heap->layout.class_cnt) {
		add_bytes(region, sums, span->address, span->size, false);
		return;
	}
	for (uint32_t i = 0; i < span->block_cnt; i++, block += span->block_size) {
		bool live = block_map__contains(heap->blocks, block);

		add_bytes(region, sums, block, span->block_size, live);
		if (live)
			region->live_bytes += span->block_size;
	}
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

/* Draws arenas @first to @last, which are adjacent. */
static int draw_region(struct memory_map_region *region, const struct heap *heap, size_t first,
		       size_t last)
{
	_cleanup_account_free_ struct sector_sums *sums = NULL;
	uint64_t size, cnt;
	int err = 0;

	region->start = heap->regions[first].address;
	region->end = region__end(&heap->regions[last]);
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
		for (struct span span = {}; heap__next_span(heap, &heap->regions[i], &span);)
			add_span(heap, region, sums, &span);
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

	for (size_t first = 0; first < heap->region_cnt; first = last + 1) {
		int err;

		last = first;
		while (last + 1 < heap->region_cnt &&
		       heap->regions[last + 1].address == region__end(&heap->regions[last]))
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
