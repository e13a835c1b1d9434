/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Draws the heap as text: the address space is cut into sectors of equal size, each shown as one
 * character: ' ' free, '-' partly used, '*' used in full. Each run of adjacent arenas is drawn
 * separately, as a "region" of the map.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"

#define MEMORY_MAP_COLUMNS 80
#define MEMORY_MAP_LINES   40

struct memory_map_region {
	uint64_t start, end;   /* addresses */
	uint64_t sector_bytes; /* a power of two */
	char *sectors;	       /* one character each, NUL-terminated */
	uint64_t live_bytes;
	uint64_t used, partial, free;	     /* numbers of sectors: '*', '-', ' ' */
	uint64_t longest_used, longest_free; /* longest runs, in sectors */
};

struct memory_map {
	struct memory_map_region *regions;
	size_t region_cnt;
};

/* Draws the heap. Returns 0, -EDQUOT, -ENOMEM or -ETIME. The caller frees the map. */
int memory_map__draw(struct memory_map *out, const struct heap *heap);
void memory_map__free(struct memory_map *map);

/* 1 - live bytes / size. */
double memory_map_region__fragmentation(const struct memory_map_region *region);
