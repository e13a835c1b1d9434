// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/malloc_reading.h"

#include <errno.h>
#include <stdlib.h>

#include "heap/block_cursor.h"
#include "malloc/held_chunks.h"
#include "malloc/main_pieces.h"
#include "util/account.h"

/* Chunks in use that may be a tcache, by their size. */
struct candidate {
	uint64_t address, size;
};

/* While an image is read. */
struct reading {
	struct malloc_image *image;
	struct heap *heap;
	const struct memory *memory;
	struct malloc_arena_use *arena; /* whose heap is walked */
	struct block_cursor chunks, live;
	struct candidate *candidates;
	size_t candidate_cnt, candidate_capacity;
};

static int add_candidate(struct reading *reading, const struct malloc_chunk *chunk)
{
	int err = ACCOUNT_RESERVE(reading->memory->account, reading->candidates,
				  reading->candidate_capacity, reading->candidate_cnt + 1);

	if (!err)
		reading->candidates[reading->candidate_cnt++] =
			(struct candidate){.address = chunk->address, .size = chunk->size};
	return err;
}

static int take_chunk(struct reading *reading, const struct malloc_chunk *chunk)
{
	struct malloc_arena_use *arena = reading->arena;
	struct chunk_total *total = chunk->is_free ? &arena->free : &arena->in_use;
	uint64_t block = chunk->address + CHUNK_HEADER_BYTES;
	int err = block_cursor__insert(&reading->chunks, block);

	total->cnt++;
	total->bytes += chunk->size;
	if (err || chunk->is_free)
		return err;
	err = block_cursor__insert(&reading->live, block);
	return !err && tcache__may_be(chunk->size) ? add_candidate(reading, chunk) : err;
}

static int take_chunks(const struct malloc_chunk *chunks, size_t cnt, void *context)
{
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++)
		err = take_chunk(context, &chunks[i]);
	return err;
}

static int walk_heap(struct reading *reading, struct malloc_heap *heap)
{
	struct chunk_walk_counts *counts = &reading->image->counts;
	struct malloc_arena_use *arena = &reading->image->arenas[heap->arena];
	uint64_t lost_bytes = counts->lost_bytes;
	int err;

	reading->arena = arena;
	err = malloc_heap__walk(heap, reading->memory, take_chunks, reading, counts);
	if (err)
		return err;
	arena->heap_bytes += heap->end - heap->start;
	if (heap->top)
		arena->top_bytes = heap->end - heap->top;
	arena->lost_bytes += counts->lost_bytes - lost_bytes;
	return 0;
}

/* Divides the region of the heap @cut, which was found to end earlier: behind it is @rest. */
static int divide_region(struct reading *reading, const struct malloc_heap *cut,
			 const struct malloc_heap *rest)
{
	struct region *region = heap__find_region(reading->heap, cut->start);
	int err;

	if (region)
		region->size = cut->end - cut->start;
	err = heap__add_region(reading->heap, rest->start, rest->end - rest->start);
	reading->chunks = block_cursor__at(reading->heap->spans);
	reading->live = block_cursor__at(reading->heap->blocks);
	return err == -EINVAL ? 0 : err;
}

/*
 * Goes on behind the end of the heap @number, which was @whole before it was walked. The main
 * arena's may have been cut at a fence: what comes behind memory of others is the next heap.
 */
static int go_on_behind(struct reading *reading, struct malloc_heap_list *heaps, size_t number,
			const struct malloc_heap *whole)
{
	uint64_t end = heaps->items[number].end;
	struct malloc_arena_use *arena = &reading->image->arenas[whole->arena];
	struct malloc_heap rest = *whole;
	int err;

	if (!whole->is_main || end >= whole->end)
		return 0;
	rest.start = end;
	err = heaps->cnt < MAIN_PIECES_MAX ? main_piece__find_next(&rest, reading->memory)
					   : -ENOENT;
	if (!err) {
		arena->foreign_bytes += rest.start - end;
		err = divide_region(reading, &heaps->items[number], &rest);
		return err ? err : malloc_heap_list__add(heaps, reading->memory->account, &rest);
	}
	if (err == -ENOENT && whole->top) {
		arena->heap_bytes += whole->end - end;
		arena->lost_bytes += whole->end - end;
	}
	return err == -ENOENT ? 0 : err;
}

static int walk_heaps(struct reading *reading, struct malloc_heap_list *heaps)
{
	int err = 0;

	for (size_t i = 0; i < heaps->cnt && !err; i++) {
		struct malloc_heap whole = heaps->items[i];

		err = walk_heap(reading, &heaps->items[i]);
		if (!err)
			err = go_on_behind(reading, heaps, i, &whole);
	}
	return err ? err : malloc_heap_list__sort(heaps, reading->memory->account);
}

static int compare_addresses(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static int sort_blocks(struct reading *reading, struct block_list *list)
{
	return account__sort(reading->memory->account, list->items, list->cnt, sizeof(*list->items),
			     compare_addresses);
}

/* What is marked as in use, but is not. */
static int take_held(struct reading *reading)
{
	struct malloc_image *image = reading->image;
	int err = 0;

	for (size_t i = 0; i < image->instance->arena_cnt && !err; i++)
		err = fastbins__take(image, i, reading->memory);
	for (size_t i = 0; i < reading->candidate_cnt && !err; i++)
		err = tcache__take(image, reading->candidates[i].address,
				   reading->candidates[i].size, reading->memory);
	if (!err)
		err = sort_blocks(reading, &image->cached);
	return err ? err : sort_blocks(reading, &image->fast);
}

static void count_overhead(struct malloc_arena_use *use, const struct malloc_arena *arena)
{
	uint64_t found = use->heap_bytes + use->foreign_bytes;

	if (arena->is_main && !arena->is_contiguous && arena->system_bytes > found)
		use->missing_bytes = arena->system_bytes - found;

	use->overhead_bytes = use->heap_bytes - use->in_use.bytes - use->free.bytes -
			      use->fastbins.bytes - use->tcache.bytes - use->top_bytes -
			      use->lost_bytes;
}

int malloc_image__read(struct malloc_image *out, struct heap *heap, const struct memory *memory,
		       struct malloc_areas *areas, size_t number)
{
	struct malloc_instance *instance = &areas->items[number];
	struct reading reading = {.image = out,
				  .heap = heap,
				  .memory = memory,
				  .chunks = block_cursor__at(heap->spans),
				  .live = block_cursor__at(heap->blocks)};
	int err;

	*out = (struct malloc_image){.instance = instance,
				     .mapped = &areas->mapped,
				     .chunks = heap->spans,
				     .live = heap->blocks};
	out->arenas = account__calloc(memory->account, instance->arena_cnt, sizeof(*out->arenas));
	if (!out->arenas)
		return -errno;
	err = walk_heaps(&reading, &instance->heaps);
	if (!err)
		err = take_held(&reading);
	for (size_t i = 0; i < instance->arena_cnt && !err; i++)
		count_overhead(&out->arenas[i], &instance->arenas[i]);
	account__free(reading.candidates);
	return err;
}
