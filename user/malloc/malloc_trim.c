// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/malloc_trim.h"

#include <errno.h>
#include <stdbool.h>

#include "malloc/chunk.h"
#include "malloc/chunk_cursor.h"
#include "util/account.h"
#include "util/cpu_allowance.h"

#define CHUNK_MEMBERS 48 /* sizeof(struct malloc_chunk): its links stay */
#define TOP_BYTES_MIN 33 /* MINSIZE and one byte */

/* Whole pages of a run. */
struct place {
	size_t arena;
	bool is_large, is_top;
};

struct survey {
	struct malloc_trim *out;
	const struct malloc_image *image;
	struct chunk_counter *counter;
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
	if (end - start <= MALLOC_PAGE_BYTES - 1 + CHUNK_MEMBERS)
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

static void note_in_use(struct survey *survey, size_t arena, uint64_t size)
{
	struct chunk_total *large = &survey->out->arenas[arena].large_in_use;

	if (size < LARGE_BYTES)
		return;
	large->cnt++;
	large->bytes += size;
}

/* Adds the free runs of a heap. Free chunks below the top become part of it. */
static int add_heap(struct survey *survey, const struct malloc_heap *heap)
{
	struct chunk_cursor chunk;
	uint64_t run = 0;
	int err = 0;

	chunk_cursor__begin(&chunk, survey->image, heap);
	while (!err && chunk_cursor__next(&chunk)) {
		err = chunk_counter__add(survey->counter, &chunk);
		if (err)
			break;
		if (chunk.state == CHUNK_FREE || chunk.state == CHUNK_IN_FASTBIN) {
			run = run ? run : chunk.address;
			continue;
		}
		if (chunk.state == CHUNK_IN_USE)
			note_in_use(survey, heap->arena, chunk.size);
		err = run ? add_run(survey, heap, run, chunk.address) : 0;
		run = 0;
	}
	if (!err)
		err = cpu_allowance__check();
	if (err)
		return err;
	if (heap->top)
		return add_top(survey, heap->arena, run ? run : heap->top, heap->end);
	return run ? add_run(survey, heap, run, heap->chunks_end) : 0;
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
			  const struct target *target, struct chunk_counter *counter)
{
	const struct malloc_instance *instance = image->instance;
	struct survey survey = {.out = out,
				.image = image,
				.counter = counter,
				.account = target->memory->account};
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
