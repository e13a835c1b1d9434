// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/malloc_trim.h"

#include <errno.h>
#include <stdbool.h>

#include "heap/block_gaps.h"
#include "malloc/chunk.h"
#include "util/account.h"
#include "util/cpu_allowance.h"
#include "util/partition_point.h"

#define CHUNK_MEMBERS 48UL /* sizeof(struct malloc_chunk): its links stay */
/* Of longer runs, whole pages can be released. */
#define RUN_BYTES_MIN (MALLOC_PAGE_BYTES - 1 + CHUNK_MEMBERS)
#define TOP_BYTES_MIN 33 /* MINSIZE and one byte */

/* Whole pages of a run. */
struct place {
	size_t arena;
	bool is_large, is_top;
};

struct survey {
	struct malloc_trim *out;
	const struct malloc_image *image;
	struct account *account;
	struct resident_range *ranges;
	struct place *places; /* of the same ranges */
	size_t cnt, range_capacity, place_capacity;
};

static int add_pages(struct survey *survey, uint64_t start, uint64_t end, const struct place *place)
{
	int err;

	if (start >= end)
		return 0;
	err = ACCOUNT_RESERVE(survey->account, survey->ranges, survey->range_capacity,
			      survey->cnt + 1);
	if (!err)
		err = ACCOUNT_RESERVE(survey->account, survey->places, survey->place_capacity,
				      survey->cnt + 1);
	if (err)
		return err;
	survey->ranges[survey->cnt] =
		(struct resident_range){.address = start, .size = end - start};
	survey->places[survey->cnt++] = *place;
	return 0;
}

static void note_length(struct survey *survey, size_t arena, uint64_t bytes)
{
	uint64_t *longest = &survey->out->arenas[arena].longest_run_bytes;

	*longest = bytes > *longest ? bytes : *longest;
}

/*
 * madvise(2) refuses to release from the middle of a page of hugetlbfs on, and leaves one of which
 * it is to release the beginning only.
 */
static int add_huge_pages(struct survey *survey, uint64_t start, uint64_t end, uint64_t page_bytes,
			  const struct place *place)
{
	return start % page_bytes ? 0
				  : add_pages(survey, start, end / page_bytes * page_bytes, place);
}

static int add_run(struct survey *survey, const struct malloc_heap *heap, uint64_t start,
		   uint64_t end)
{
	size_t arena = heap->arena;
	struct place place = {.arena = arena, .is_large = end - start >= LARGE_BYTES};

	note_length(survey, arena, end - start);
	if (end - start <= RUN_BYTES_MIN)
		return 0;
	start = (start + CHUNK_MEMBERS + MALLOC_PAGE_BYTES - 1) & ~(MALLOC_PAGE_BYTES - 1);
	if (heap->hugetlb_bytes)
		return add_huge_pages(survey, start, end, heap->hugetlb_bytes, &place);
	return add_pages(survey, start, end & ~(MALLOC_PAGE_BYTES - 1), &place);
}

/* What the main arena's top gives back, by brk(2). */
static int add_top(struct survey *survey, size_t arena, uint64_t top, uint64_t end)
{
	uint64_t unit = malloc_parameters__trim_unit(&survey->image->instance->parameters),
		 bytes = end - top;
	struct place place = {.arena = arena, .is_top = true};

	note_length(survey, arena, bytes);
	if (bytes <= TOP_BYTES_MIN)
		return 0;
	bytes = (bytes - TOP_BYTES_MIN) & ~(unit - 1);
	return add_pages(survey, end - bytes, end, &place);
}

/* The chunk behind the one whose block is at @block; the end of all chunks if there is none. */
static uint64_t chunk_behind(const struct malloc_image *image, const struct malloc_heap *heap,
			     uint64_t block)
{
	uint64_t next = block + CHUNK_BYTES_MIN;

	return block_map__next(image->chunks, &next, heap->chunks_end) ? next - CHUNK_HEADER_BYTES
								       : heap->chunks_end;
}

/* The first block of a sorted list that is not before @address. */
static size_t find_from(const struct block_list *list, uint64_t address)
{
	return PARTITION_POINT(block, list->items, list->cnt, *block < address);
}

/* The last block of a heap that is not free; 0: there is none. */
static uint64_t last_block(const struct malloc_image *image, const struct malloc_heap *heap)
{
	const struct block_list *cached = &image->cached;
	uint64_t first = heap->first_chunk + CHUNK_HEADER_BYTES, last = heap->chunks_end;
	size_t i = find_from(cached, heap->chunks_end);

	if (!block_map__previous(image->live, &last, first))
		last = 0;
	return i && cached->items[i - 1] >= first && cached->items[i - 1] > last
		       ? cached->items[i - 1]
		       : last;
}

/* Adds what is free between two blocks that are not, if anything is. @from 0: it is the first. */
static int add_between(struct survey *survey, const struct malloc_heap *heap, uint64_t from,
		       uint64_t to)
{
	uint64_t start = from ? chunk_behind(survey->image, heap, from) : heap->first_chunk,
		 end = to - CHUNK_HEADER_BYTES;

	return start < end ? add_run(survey, heap, start, end) : 0;
}

/* Adds the runs between two blocks in use, with those in a tcache between them. */
static int add_gap(struct survey *survey, const struct malloc_heap *heap, uint64_t from,
		   uint64_t to)
{
	const struct block_list *cached = &survey->image->cached;
	size_t i = find_from(cached, from ? from : heap->first_chunk);
	int err = 0;

	for (; i < cached->cnt && cached->items[i] < to && !err; i++) {
		err = add_between(survey, heap, from, cached->items[i]);
		from = cached->items[i];
	}
	return err ? err : add_between(survey, heap, from, to);
}

/*
 * Adds the runs up to @last, the last block that is not free, but for those that have no whole page
 * and are not longer than one that was found before.
 */
static int add_gaps(struct survey *survey, const struct malloc_heap *heap, uint64_t last)
{
	const uint64_t *longest = &survey->out->arenas[heap->arena].longest_run_bytes;
	struct block_gaps gaps =
		block_gaps__in(survey->image->live, heap->first_chunk + CHUNK_HEADER_BYTES, last);
	struct block_gap gap;
	int err = 0;

	while (!err &&
	       block_gaps__next(&gaps, *longest < RUN_BYTES_MIN ? *longest : RUN_BYTES_MIN, &gap))
		err = add_gap(survey, heap, gap.from, gap.to ? gap.to : last);
	return err;
}

/* Adds the free runs of a heap. Free chunks below the top become part of it. */
static int add_heap(struct survey *survey, const struct malloc_heap *heap)
{
	uint64_t last = last_block(survey->image, heap),
		 end = last ? chunk_behind(survey->image, heap, last) : heap->first_chunk;
	bool is_top = heap->top && heap->top == heap->chunks_end;
	int err = 0;

	if (heap->top)
		err = add_top(survey, heap->arena, is_top ? end : heap->top, heap->end);
	if (!err && !is_top && end < heap->chunks_end)
		err = add_run(survey, heap, end, heap->chunks_end);
	if (!err && last)
		err = add_gaps(survey, heap, last);
	return err ? err : cpu_allowance__check();
}

static void sum_up(const struct survey *survey)
{
	struct malloc_trim *out = survey->out;
	const struct malloc_instance *instance = survey->image->instance;

	for (size_t i = 0; i < survey->cnt; i++) {
		const struct place *place = &survey->places[i];
		struct arena_trim *arena = &out->arenas[place->arena];
		uint64_t bytes = survey->ranges[i].resident_bytes;

		*(place->is_top ? &arena->top_bytes : &arena->chunk_bytes) += bytes;
		if (place->is_large)
			arena->large_run_bytes += bytes;
	}
	for (size_t i = 0; i < instance->arena_cnt; i++)
		out->chunk_bytes += out->arenas[i].chunk_bytes;
	for (size_t i = 0; i < instance->heaps.cnt; i++)
		if (instance->heaps.items[i].is_below_break)
			out->top_bytes = out->arenas[0].top_bytes;
}

int malloc_trim__estimate(struct malloc_trim *out, const struct malloc_image *image,
			  const struct target *target)
{
	const struct malloc_instance *instance = image->instance;
	struct survey survey = {.out = out, .image = image, .account = target->memory->account};
	int err = 0;

	out->arenas = account__calloc(survey.account, instance->arena_cnt, sizeof(*out->arenas));
	if (!out->arenas)
		return -errno;
	for (size_t i = 0; i < instance->heaps.cnt && !err; i++)
		err = add_heap(&survey, &instance->heaps.items[i]);
	if (!err)
		err = target__measure_resident(target, survey.ranges, survey.cnt);
	out->knows_resident = !err;
	if (!err)
		sum_up(&survey);
	account__free(survey.ranges);
	account__free(survey.places);
	return err == -ENODATA ? 0 : err;
}

uint64_t malloc_trim__longest_run_bytes(const struct malloc_trim *trim, size_t arena_cnt)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < arena_cnt; i++)
		if (trim->arenas[i].longest_run_bytes > longest)
			longest = trim->arenas[i].longest_run_bytes;
	return longest;
}

void malloc_trim__release(struct malloc_trim *trim)
{
	account__free(trim->arenas);
	*trim = (struct malloc_trim){};
}
