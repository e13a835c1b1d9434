// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_malloc_map.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "util/units.h"

/* No heap is begun after so many lines of maps. */
#define LINES_MAX 40
/* Nor one that keeps less than this part of what the first one does. */
#define KEPT_SHARE_MIN (1 / 16.)

#define BYTES(bytes)	     units__bytes(bytes).text
#define COUNTED(count, noun) units__counted(count, noun).text

/* Both are lines of a heap, the latter maybe its last one, which may be shorter. */
static bool are_alike(const char *line, const char *next)
{
	return strlen(next) >= MALLOC_MAP_COLUMNS && !memcmp(line, next, MALLOC_MAP_COLUMNS);
}

/* Writes that a line is repeated; a single one takes no more room itself. */
static int write_repeated(const char *line, size_t cnt, FILE *out)
{
	if (cnt == 1)
		fprintf(out, "%.*s\n", MALLOC_MAP_COLUMNS, line);
	else if (cnt)
		fprintf(out, "  (%s like this)\n", COUNTED(cnt, "more line"));
	return cnt > 0;
}

/* Returns how many lines were written. */
static int write_sectors(const struct malloc_map_heap *heap, FILE *out)
{
	const char *line = heap->sectors;
	size_t repeated = 0;
	int cnt = 0;

	for (size_t at = 0; at < heap->sector_cnt; at += MALLOC_MAP_COLUMNS) {
		const char *next = heap->sectors + at;

		if (at && are_alike(line, next)) {
			repeated++;
			continue;
		}
		cnt += write_repeated(line, repeated, out) + 1;
		repeated = 0;
		fprintf(out, "%.*s\n", MALLOC_MAP_COLUMNS, next);
		line = next;
	}
	return cnt + write_repeated(line, repeated, out);
}

static void write_resident(const struct malloc_map *map, uint64_t bytes, FILE *out)
{
	if (map->knows_resident)
		fprintf(out, " (%s in RAM)", BYTES(bytes));
}

static void write_head(const struct malloc_map *map, const struct malloc_map_heap *heap, FILE *out)
{
	fprintf(out, "Heap at %#" PRIx64 " of %s: %s", heap->start,
		heap->is_main ? "the main arena" : "a thread's arena",
		BYTES(heap->end - heap->start));
	write_resident(map, heap->resident_bytes, out);
	fprintf(out, ", %s in use, %s free", BYTES(heap->in_use_bytes),
		BYTES(heap->free_bytes + heap->top_bytes));
	write_resident(map, heap->free_resident_bytes, out);
	fprintf(out, "; %s per sector\n", BYTES(heap->sector_bytes));
}

/* What the heaps are sorted by. */
static uint64_t kept_bytes(const struct malloc_map *map, size_t number)
{
	const struct malloc_map_heap *heap = &map->heaps[number];

	return map->knows_resident ? heap->free_resident_bytes : heap->free_bytes + heap->top_bytes;
}

static void write_rest(const struct malloc_map *map, size_t first, FILE *out)
{
	uint64_t free_bytes = 0;

	if (first == map->cnt)
		return;
	for (size_t i = first; i < map->cnt; i++)
		free_bytes += kept_bytes(map, i);
	fprintf(out, "Not shown: %s with %s free%s (see --json)\n",
		COUNTED(map->cnt - first, "heap"), BYTES(free_bytes),
		map->knows_resident ? " in RAM" : "");
}

void text_malloc_map__write(const struct malloc_map *map, FILE *out)
{
	size_t i = 0;

	if (!map->cnt)
		return;
	fputs("\nMap of malloc's heaps, most free memory in RAM first. Sectors in use: '*' nothing "
	      "free, '=' at\nleast half in use, '-' less. Sectors not in use: '.' partly in RAM, "
	      "'^' partly in RAM and part of the\ntop (the free end), ' ' not in RAM. '?' not "
	      "read\n",
	      out);
	for (int lines = 0; i < map->cnt && lines < LINES_MAX; i++) {
		if ((double)kept_bytes(map, i) < KEPT_SHARE_MIN * (double)kept_bytes(map, 0))
			break;
		write_head(map, &map->heaps[i], out);
		lines += 1 + write_sectors(&map->heaps[i], out);
	}
	write_rest(map, i, out);
}
