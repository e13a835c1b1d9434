/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap as a picture: address space cut into sectors of equal size, a character each: ' ' free,
 * '-' partly used, '*' used in full. One picture for each region: arenas that lie side by side.
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
	uint64_t used, partial, free;	     /* sectors: '*', '-', ' ' */
	uint64_t longest_used, longest_free; /* longest runs, in sectors */
};

struct memory_map {
	struct memory_map_region *regions;
	size_t region_cnt;
};

/* Draws the heap. Returns 0, -EDQUOT or -ENOMEM; the caller frees the map. */
int memory_map__draw(struct memory_map *out, const struct heap *heap);
void memory_map__free(struct memory_map *map);

/* 1 - live bytes / size. */
double memory_map_region__fragmentation(const struct memory_map_region *region);
