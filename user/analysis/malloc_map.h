/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Draws the heaps of glibc's malloc as text, as memory_map.h does arenas: each heap is cut into
 * sectors of equal size, and each of these is one character. It tells free memory that is in RAM
 * from what the kernel has back already. The heaps with the most of the former are drawn.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "malloc/mallocs.h"
#include "target/target.h"

#define MALLOC_MAP_COLUMNS   80
#define MALLOC_MAP_LINES     16
#define MALLOC_MAP_HEAPS_MAX 128

/* Sectors without a chunk in use are the last four. Memory of which that is not known is in RAM. */
enum malloc_map_sector {
	SECTOR_FULL = '*',     /* nothing is free */
	SECTOR_MOST = '=',     /* at least half of it is in use */
	SECTOR_SOME = '-',     /* less is */
	SECTOR_FREE = '.',     /* free, and some of it is in RAM */
	SECTOR_TOP = '^',      /* the same, all in the top */
	SECTOR_RELEASED = ' ', /* free, and nothing of it is in RAM */
	SECTOR_UNKNOWN = '?',  /* not read */
};

struct malloc_map_heap {
	uint64_t start, end; /* addresses, end exclusive */
	uint64_t arena;	     /* address */
	bool is_main;	     /* of the main arena */
	uint64_t sector_bytes;
	size_t sector_cnt;
	char *sectors;	  /* NUL-terminated */
	uint64_t *in_use; /* bytes of chunks in use in each sector */
	/* All chunks in use; free ones, in whatever list; the top; and what could not be read. */
	uint64_t in_use_bytes, free_bytes, top_bytes, lost_bytes;
	uint64_t resident_bytes;      /* 0 if that is not known */
	uint64_t free_resident_bytes; /* in free chunks and the top */
};

/* Zero-initialized. */
struct malloc_map {
	struct malloc_map_heap *heaps; /* most free bytes in RAM first */
	size_t cnt;
	uint64_t left_out;   /* heaps, beyond MALLOC_MAP_HEAPS_MAX */
	bool knows_resident; /* false: the source does not */
};

/*
 * Draws the heaps of @mallocs, which have just been read. Returns 0, -EDQUOT, -ENOMEM, -ETIME, or
 * as target__find_resident(). The caller releases @out, also on failure.
 */
int malloc_map__draw(struct malloc_map *out, const struct mallocs *mallocs,
		     const struct target *target);
void malloc_map__release(struct malloc_map *map);
