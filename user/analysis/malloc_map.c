// SPDX-License-Identifier: BSD-2-Clause
/*
 * The resident pages of a heap and its chunks are passed over together, both in the order of
 * addresses. Each adds its bytes to the sectors that it is in, and the bytes of a page to what is
 * free in RAM if they are in a free chunk.
 */
#include "analysis/malloc_map.h"

#include <errno.h>
#include <string.h>

#include "malloc/chunk_cursor.h"
#include "util/account.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

#define SECTOR_BYTES_MIN 256
#define SECTORS_MAX	 (MALLOC_MAP_COLUMNS * MALLOC_MAP_LINES)

/* Bytes of a sector. */
struct sector {
	uint64_t in_use, free, top, lost, resident;
};

struct drawing {
	struct account *account;
	const struct target *target;
	struct malloc_map_heap heap;
	uint64_t top; /* address; the end of the heap if it has none */
	struct sector *sectors;
	struct chunk_cursor chunk;
	bool has_chunk;
};

void malloc_map__release(struct malloc_map *map)
{
	for (size_t i = 0; i < map->cnt; i++) {
		account__free(map->heaps[i].sectors);
		account__free(map->heaps[i].in_use);
	}
	account__free(map->heaps);
	*map = (struct malloc_map){};
}

/* Adds the bytes from @start to @end to a member of each sector that they are in. */
#define ADD_BYTES(drawing, start, end, member)                                                     \
	add_bytes((drawing), (start), (end), offsetof(struct sector, member))

static void add_bytes(struct drawing *drawing, uint64_t start, uint64_t end, size_t member)
{
	const struct malloc_map_heap *heap = &drawing->heap;

	while (start < end) {
		uint64_t number = (start - heap->start) / heap->sector_bytes,
			 next = heap->start + (number + 1) * heap->sector_bytes;
		uint8_t *sector = (uint8_t *)&drawing->sectors[number];

		next = end < next ? end : next;
		*(uint64_t *)(sector + member) += next - start;
		start = next;
	}
}

static bool is_free(const struct drawing *drawing)
{
	return drawing->chunk.state != CHUNK_IN_USE;
}

static void take_chunk(struct drawing *drawing)
{
	uint64_t start = drawing->chunk.address, end = start + drawing->chunk.size;

	if (is_free(drawing)) {
		drawing->heap.free_bytes += end - start;
		ADD_BYTES(drawing, start, end, free);
	} else {
		drawing->heap.in_use_bytes += end - start;
		ADD_BYTES(drawing, start, end, in_use);
	}
}

/* Goes on to the next chunk. Returns 0 or -ETIME. */
static int next_chunk(struct drawing *drawing)
{
	drawing->has_chunk = chunk_cursor__next(&drawing->chunk);
	if (!drawing->has_chunk)
		return 0;
	take_chunk(drawing);
	return drawing->chunk.address % MALLOC_PAGE_BYTES < drawing->chunk.size
		       ? cpu_allowance__check()
		       : 0;
}

static uint64_t overlap(uint64_t start, uint64_t end, uint64_t other_start, uint64_t other_end)
{
	start = start > other_start ? start : other_start;
	end = end < other_end ? end : other_end;
	return start < end ? end - start : 0;
}

/* Takes resident pages, and the chunks that begin before they end. */
static int take_run(uint64_t start, uint64_t end, void *context)
{
	struct drawing *drawing = context;
	struct malloc_map_heap *heap = &drawing->heap;
	const struct chunk_cursor *chunk = &drawing->chunk;

	start = start > heap->start ? start : heap->start;
	end = end < heap->end ? end : heap->end;
	if (start >= end)
		return 0;
	heap->resident_bytes += end - start;
	ADD_BYTES(drawing, start, end, resident);
	heap->free_resident_bytes += overlap(start, end, drawing->top, heap->end);
	while (drawing->has_chunk && chunk->address < end) {
		uint64_t chunk_end = chunk->address + chunk->size;
		int err;

		if (is_free(drawing))
			heap->free_resident_bytes += overlap(start, end, chunk->address, chunk_end);
		if (chunk_end > end)
			break;
		err = next_chunk(drawing);
		if (err)
			return err;
	}
	return 0;
}

/* Begins a heap: its size, its top, and what was lost of it. */
static int begin(struct drawing *drawing, const struct malloc_image *image,
		 const struct malloc_heap *of)
{
	const struct malloc_arena *arena = &image->instance->arenas[of->arena];
	struct malloc_map_heap *heap = &drawing->heap;
	uint64_t bytes = of->end - of->start, lost_end;

	*heap = (struct malloc_map_heap){
		.start = of->start,
		.end = of->end,
		.arena = arena->address,
		.is_main = arena->is_main,
		.sector_bytes = SECTOR_BYTES_MIN,
		.lost_bytes = of->lost_bytes,
	};
	while ((bytes - 1) / heap->sector_bytes >= SECTORS_MAX)
		heap->sector_bytes *= 2;
	heap->sector_cnt = (bytes + heap->sector_bytes - 1) / heap->sector_bytes;
	memset(drawing->sectors, 0, heap->sector_cnt * sizeof(*drawing->sectors));
	drawing->top = of->top ? of->top : of->end;
	heap->top_bytes = of->end - drawing->top;
	ADD_BYTES(drawing, drawing->top, of->end, top);
	lost_end = of->chunks_end + of->lost_bytes;
	ADD_BYTES(drawing, of->chunks_end, lost_end, lost);
	chunk_cursor__begin(&drawing->chunk, image, of);
	return next_chunk(drawing);
}

/* Adds up the sectors of a heap. */
static int survey(struct drawing *drawing, const struct malloc_image *image,
		  const struct malloc_heap *of, bool *knows_resident)
{
	int err = begin(drawing, image, of);

	if (!err && *knows_resident) {
		err = target__find_resident(drawing->target, of->start, of->end, take_run, drawing);
		*knows_resident = err != -ENODATA;
		err = err == -ENODATA ? 0 : err;
	}
	while (!err && drawing->has_chunk)
		err = next_chunk(drawing);
	return err;
}

static char sign_of(const struct sector *sector, bool knows_resident)
{
	uint64_t free = sector->free + sector->top;

	if (sector->in_use)
		return !free ? SECTOR_FULL : sector->in_use >= free ? SECTOR_MOST : SECTOR_SOME;
	if (sector->lost)
		return SECTOR_UNKNOWN;
	if (!free) /* but structures of malloc */
		return SECTOR_FULL;
	if (knows_resident && !sector->resident)
		return SECTOR_RELEASED;
	return sector->free ? SECTOR_FREE : SECTOR_TOP;
}

/* Draws the heap of which the sectors are known. Returns 0, -EDQUOT or -ENOMEM. */
static int draw(struct drawing *drawing, bool knows_resident)
{
	struct malloc_map_heap *heap = &drawing->heap;

	heap->sectors = account__alloc(drawing->account, heap->sector_cnt + 1);
	if (!heap->sectors)
		return -errno;
	heap->in_use = account__calloc(drawing->account, heap->sector_cnt, sizeof(*heap->in_use));
	if (!heap->in_use) {
		int err = -errno;

		account__free(heap->sectors);
		return err;
	}
	for (size_t i = 0; i < heap->sector_cnt; i++) {
		heap->sectors[i] = sign_of(&drawing->sectors[i], knows_resident);
		heap->in_use[i] = drawing->sectors[i].in_use;
	}
	heap->sectors[heap->sector_cnt] = '\0';
	return 0;
}

static bool is_before(const struct malloc_map_heap *a, const struct malloc_map_heap *b)
{
	if (a->free_resident_bytes != b->free_resident_bytes)
		return a->free_resident_bytes > b->free_resident_bytes;
	return a->free_bytes + a->top_bytes > b->free_bytes + b->top_bytes;
}

/* Inserts the heap where it belongs, and leaves out the last one if there are too many. */
static int insert(struct malloc_map *map, struct drawing *drawing)
{
	size_t at = map->cnt;
	int err;

	while (at && is_before(&drawing->heap, &map->heaps[at - 1]))
		at--;
	map->left_out += map->cnt == MALLOC_MAP_HEAPS_MAX;
	if (at == MALLOC_MAP_HEAPS_MAX)
		return 0;
	err = draw(drawing, map->knows_resident);
	if (err)
		return err;
	if (map->cnt == MALLOC_MAP_HEAPS_MAX) {
		account__free(map->heaps[--map->cnt].sectors);
		account__free(map->heaps[map->cnt].in_use);
	}
	memmove(&map->heaps[at + 1], &map->heaps[at], (map->cnt - at) * sizeof(*map->heaps));
	map->heaps[at] = drawing->heap;
	map->cnt++;
	return 0;
}

static int draw_malloc(struct malloc_map *map, struct drawing *drawing,
		       const struct malloc_image *image)
{
	const struct malloc_heap_list *heaps = &image->instance->heaps;
	int err = 0;

	for (size_t i = 0; i < heaps->cnt && !err; i++) {
		if (heaps->items[i].start == heaps->items[i].end) /* damaged */
			continue;
		err = survey(drawing, image, &heaps->items[i], &map->knows_resident);
		if (!err)
			err = insert(map, drawing);
	}
	return err;
}

int malloc_map__draw(struct malloc_map *out, const struct mallocs *mallocs,
		     const struct target *target)
{
	struct account *account = target->memory->account;
	_cleanup_account_free_ struct sector *sectors =
		account__calloc(account, SECTORS_MAX, sizeof(*sectors));
	struct drawing drawing = {.account = account, .target = target, .sectors = sectors};
	int err = 0;

	if (!sectors)
		return -errno;
	out->heaps = account__calloc(account, MALLOC_MAP_HEAPS_MAX, sizeof(*out->heaps));
	if (!out->heaps)
		return -errno;
	out->knows_resident = true;
	for (size_t i = 0; i < mallocs->cnt && !err; i++)
		err = draw_malloc(out, &drawing, &mallocs->items[i].image);
	return err;
}
