// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/malloc_reading.h"

#include <errno.h>
#include <stdlib.h>

#include "malloc/chunk_marks.h"
#include "malloc/held_chunks.h"
#include "malloc/main_pieces.h"
#include "util/account.h"
#include "util/partition_point.h"

/* Chunks in use that may be a tcache, by their size. */
struct candidate {
	uint64_t address, size;
};

/* While an image is read. */
struct reading {
	struct malloc_image *image;
	struct heap *heap;
	const struct memory *memory;
	struct chunk_counter *counter;
	struct malloc_arena_use *arena; /* whose heap is walked */
	struct candidate *candidates;
	size_t candidate_cnt, candidate_capacity;
};

static int add_candidate(struct reading *reading, uint64_t address, uint64_t size)
{
	int err = ACCOUNT_RESERVE(reading->memory->account, reading->candidates,
				  reading->candidate_capacity, reading->candidate_cnt + 1);

	if (!err)
		reading->candidates[reading->candidate_cnt++] =
			(struct candidate){.address = address, .size = size};
	return err;
}

/* Looks at a chunk in use of TCACHE_BYTES_MIN and more. */
static int look_at(struct reading *reading, uint64_t address, uint64_t size)
{
	if (size >= LARGE_BYTES) {
		reading->arena->large_in_use.cnt++;
		reading->arena->large_in_use.bytes += size;
	}
	return tcache__may_be(size) ? add_candidate(reading, address, size) : 0;
}

static int look_at_larger(struct reading *reading, const struct chunk_batch *batch)
{
	uint64_t address = batch->start;
	int err = 0;

	for (size_t i = 0; i < batch->cnt && !err; i++) {
		uint64_t size = chunk_word__size(batch->words[i]);

		if (size >= TCACHE_BYTES_MIN && !chunk_word__is_free(batch->words[i]))
			err = look_at(reading, address, size);
		address += size;
	}
	return err;
}

static void add_up(struct malloc_arena_use *arena, const struct chunk_batch *batch)
{
	arena->free.cnt += batch->free_cnt;
	arena->free.bytes += batch->free_bytes;
	arena->in_use.cnt += batch->cnt - batch->free_cnt;
	arena->in_use.bytes += batch->end - batch->start - batch->free_bytes;
}

static int take_chunks(const struct chunk_batch *batch, void *context)
{
	struct reading *reading = context;
	int err = chunk_marks__set(reading->heap->spans, reading->heap->blocks, batch);

	if (!err)
		err = chunk_counter__add(reading->counter, batch);
	if (!err && batch->size_bits >= TCACHE_BYTES_MIN)
		err = look_at_larger(reading, batch);
	add_up(reading->arena, batch);
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

/* The heap that the block, which was walked, is in; NULL: they overlap, and it is in none. */
static const struct malloc_heap *heap_of(const struct reading *reading, uint64_t block)
{
	const struct malloc_heap_list *heaps = &reading->image->instance->heaps;
	size_t i = PARTITION_POINT(heap, heaps->items, heaps->cnt, heap->chunks_end <= block);

	return i < heaps->cnt && heaps->items[i].first_chunk < block ? &heaps->items[i] : NULL;
}

static void take_away(struct chunk_total *total, uint64_t size)
{
	if (!total->cnt || total->bytes < size)
		return;
	total->cnt--;
	total->bytes -= size;
}

/* The chunk of @block was counted as in use, but is in @state. */
static void correct(struct reading *reading, uint64_t block, enum chunk_state state)
{
	const struct malloc_heap *heap = heap_of(reading, block);
	uint64_t next = block + CHUNK_BYTES_MIN, size;

	if (!heap)
		return;
	size = (block_map__next(reading->heap->spans, &next, heap->chunks_end)
			? next
			: heap->chunks_end + CHUNK_HEADER_BYTES) -
	       block;
	chunk_counter__move(reading->counter, size, state);
	if (size >= LARGE_BYTES)
		take_away(&reading->image->arenas[heap->arena].large_in_use, size);
}

static int sort_held(struct reading *reading, struct block_list *list, enum chunk_state state)
{
	int err = sort_blocks(reading, list);

	for (size_t i = 0; i < list->cnt && !err; i++)
		correct(reading, list->items[i], state);
	return err;
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
		err = sort_held(reading, &image->cached, CHUNK_IN_TCACHE);
	return err ? err : sort_held(reading, &image->fast, CHUNK_IN_FASTBIN);
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
		       struct malloc_areas *areas, size_t number, struct chunk_counter *counter)
{
	struct malloc_instance *instance = &areas->items[number];
	struct reading reading = {.image = out, .heap = heap, .memory = memory, .counter = counter};
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
