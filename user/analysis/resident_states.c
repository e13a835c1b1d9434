// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/resident_states.h"

#include <errno.h>
#include <string.h>

#include "malloc/chunk.h"
#include "util/account.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"
#include "util/partition_point.h"

struct run {
	uint64_t start, end; /* addresses, end exclusive */
};

/* The resident pages of one part, by address. */
struct resident_runs {
	struct run *items;
	size_t cnt, capacity;
	struct account *account;
};

static void resident_runs__release(struct resident_runs *runs)
{
	account__free(runs->items);
}

static int add_run(uint64_t start, uint64_t end, void *context)
{
	struct resident_runs *runs = context;
	int err = ACCOUNT_RESERVE(runs->account, runs->items, runs->capacity, runs->cnt + 1);

	if (!err)
		runs->items[runs->cnt++] = (struct run){start, end};
	return err;
}

static int find_runs(struct resident_runs *runs, const struct resident_states_of *of,
		     enum memory_part part)
{
	int err = 0;

	for (size_t i = 0; i < of->region_cnt && !err; i++) {
		const struct memory_region *region = &of->regions[i];

		if (region->part != part || !region->resident_bytes)
			continue;
		if (region->resident_bytes == region->end - region->start)
			err = add_run(region->start, region->end, runs);
		else
			err = target__find_resident(of->target, region->start, region->end, add_run,
						    runs);
	}
	return err;
}

/* Finds the next hole, what is not resident, in [*at, end), and moves *at behind it. */
static bool next_hole(const struct resident_runs *runs, uint64_t *at, uint64_t end,
		      struct run *hole)
{
	size_t i = PARTITION_POINT(run, runs->items, runs->cnt, run->end <= *at);

	while (i < runs->cnt && runs->items[i].start <= *at)
		*at = runs->items[i++].end;
	if (*at >= end)
		return false;
	hole->start = *at;
	hole->end = i < runs->cnt && runs->items[i].start < end ? runs->items[i].start : end;
	*at = hole->end;
	return true;
}

/* How much of [start, end) is not resident. */
static uint64_t missing_bytes(const struct resident_runs *runs, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;
	struct run hole;

	while (next_hole(runs, &start, end, &hole))
		bytes += hole.end - hole.start;
	return bytes;
}

/* The image may be of another moment than the pages: no state gets below 0. */
static void take_away(uint64_t *state, uint64_t bytes)
{
	*state -= bytes < *state ? bytes : *state;
}

/*
 * Makes the sum of all states that of the resident bytes. What the image does not know is
 * undivided; what it knows too much of, because the target has run meanwhile, the largest state
 * loses.
 */
static void balance(uint64_t states[MEMORY_STATE_CNT], uint64_t resident)
{
	uint64_t sum = 0;

	for (int i = 0; i < MEMORY_STATE_CNT; i++)
		sum += states[i];
	if (sum < resident)
		states[STATE_UNDIVIDED] += resident - sum;
	while (sum > resident) {
		int largest = 0;
		uint64_t before;

		for (int i = 1; i < MEMORY_STATE_CNT; i++)
			largest = states[i] > states[largest] ? i : largest;
		before = states[largest];
		take_away(&states[largest], sum - resident);
		sum -= before - states[largest];
	}
}

/* Takes away what is missing of a span with live blocks. */
static void take_away_blocks(uint64_t states[MEMORY_STATE_CNT], const struct resident_runs *runs,
			     const struct heap *heap, const struct span *span, uint64_t missing)
{
	uint64_t block = span->address + span->first_block;

	for (uint32_t i = 0; i < span->block_cnt; i++, block += span->block_size) {
		uint64_t bytes = missing_bytes(runs, block, block + span->block_size);
		bool is_live = bytes && block_map__contains(heap->blocks, block);

		take_away(&states[is_live ? STATE_LIVE : STATE_FREE_BLOCKS], bytes);
		missing -= bytes;
	}
	take_away(&states[STATE_OVERHEAD], missing);
}

static void take_away_span(uint64_t states[MEMORY_STATE_CNT], const struct resident_runs *runs,
			   const struct heap *heap, const struct span *span)
{
	uint64_t missing = missing_bytes(runs, span->address, span->address + span->size);

	if (!missing)
		return;
	if (block_map__class(heap->blocks, span->address) == CLASS_UNREAD)
		take_away(&states[STATE_UNDIVIDED], missing);
	else if (!block_map__count(heap->blocks, span->address, span->size))
		take_away(&states[STATE_FREE_POOLS], missing);
	else if (span->size_class >= heap->layout.class_cnt)
		take_away(&states[STATE_OVERHEAD], missing);
	else
		take_away_blocks(states, runs, heap, span, missing);
}

static void take_away_region(uint64_t states[MEMORY_STATE_CNT], const struct resident_runs *runs,
			     const struct heap *heap, const struct region *region)
{
	uint64_t first = heap_layout__first_span(&heap->layout, region),
		 end = heap_layout__spans_end(&heap->layout, region);
	struct span span = {};

	take_away(&states[STATE_OVERHEAD], missing_bytes(runs, region->address, first) +
						   missing_bytes(runs, end, region__end(region)));
	while (heap__next_span(heap, region, &span))
		take_away_span(states, runs, heap, &span);
}

int resident_states__of_arenas(uint64_t states[MEMORY_STATE_CNT], uint64_t resident,
			       const struct resident_states_of *of, const struct heap *heap)
{
	_cleanup_(resident_runs__release) struct resident_runs runs = {.account = of->account};
	_cleanup_(heap_measure__free) struct heap_measure measure = {};
	uint64_t found[MEMORY_STATE_CNT] = {};
	int err = find_runs(&runs, of, MEMORY_ARENAS);

	if (err)
		return err == -ENODATA ? 0 : err;
	err = heap__measure(heap, &measure);
	if (err)
		return err;
	found[STATE_LIVE] = measure.totals.live_bytes;
	found[STATE_FREE_BLOCKS] = measure.totals.free_block_bytes;
	found[STATE_FREE_POOLS] = measure.totals.free_span_bytes;
	found[STATE_OVERHEAD] = measure.totals.overhead_bytes;
	found[STATE_UNDIVIDED] = measure.totals.unread_bytes;
	for (size_t i = 0; i < heap->region_cnt && !err; i++) {
		const struct region *region = &heap->regions[i];

		if (missing_bytes(&runs, region->address, region__end(region)))
			take_away_region(found, &runs, heap, region);
		err = cpu_allowance__check();
	}
	if (err)
		return err;
	balance(found, resident);
	memcpy(states, found, sizeof(found));
	return 0;
}

static enum memory_state state_of_chunk(const struct malloc_image *image, uint64_t block)
{
	static const enum memory_state states[] = {
		[CHUNK_IN_USE] = STATE_IN_USE,
		[CHUNK_FREE] = STATE_FREE,
		[CHUNK_IN_FASTBIN] = STATE_FREE,
		[CHUNK_IN_TCACHE] = STATE_TCACHE,
	};

	return states[malloc_image__state_of(image, block)];
}

/* The size of the part of [start, end) that is in the hole. */
static uint64_t overlap(const struct run *hole, uint64_t start, uint64_t end)
{
	start = start > hole->start ? start : hole->start;
	end = end < hole->end ? end : hole->end;
	return start < end ? end - start : 0;
}

/* Takes away the chunks in a hole: from the one that it begins in. Returns their bytes in there. */
static uint64_t take_away_chunks(uint64_t states[MEMORY_STATE_CNT],
				 const struct malloc_image *image, const struct malloc_heap *heap,
				 const struct run *hole)
{
	uint64_t block = hole->start + 2 * CHUNK_HEADER_BYTES,
		 first = heap->first_chunk + CHUNK_HEADER_BYTES, bytes = 0;
	bool is_there = block > first && block_map__previous(image->chunks, &block, first);

	if (!is_there) {
		block = first;
		is_there = block_map__next(image->chunks, &block, heap->chunks_end);
	}
	while (is_there && block - CHUNK_HEADER_BYTES < hole->end) {
		uint64_t next = block + CHUNK_HEADER_BYTES, end = heap->chunks_end, part;

		is_there = block_map__next(image->chunks, &next, heap->chunks_end);
		if (is_there)
			end = next - CHUNK_HEADER_BYTES;
		part = overlap(hole, block - CHUNK_HEADER_BYTES, end);
		take_away(&states[state_of_chunk(image, block)], part);
		bytes += part;
		block = next;
	}
	return bytes;
}

static int take_away_heap(uint64_t states[MEMORY_STATE_CNT], const struct resident_runs *runs,
			  const struct malloc_image *image, const struct malloc_heap *heap)
{
	uint64_t at = heap->start;
	struct run hole;
	int err = 0;

	while (!err && next_hole(runs, &at, heap->end, &hole)) {
		uint64_t bytes = hole.end - hole.start, top = 0;

		if (heap->top)
			top = overlap(&hole, heap->top, heap->end);
		take_away(&states[STATE_TOP], top);
		bytes -= top + take_away_chunks(states, image, heap, &hole);
		take_away(&states[STATE_OVERHEAD], bytes);
		err = cpu_allowance__check();
	}
	return err;
}

static void add_total(uint64_t states[MEMORY_STATE_CNT], const struct malloc_arena_use *total)
{
	states[STATE_IN_USE] += total->in_use.bytes;
	states[STATE_FREE] += total->free.bytes + total->fastbins.bytes;
	states[STATE_TCACHE] += total->tcache.bytes;
	states[STATE_TOP] += total->top_bytes;
	/* What could not be walked is not known to be anything else. */
	states[STATE_OVERHEAD] += total->overhead_bytes + total->lost_bytes;
}

static void add_mapped(uint64_t states[MEMORY_STATE_CNT], const struct resident_runs *runs,
		       const struct mapped_chunks *mapped)
{
	for (size_t i = 0; i < mapped->cnt; i++) {
		const struct mapped_chunk *chunk = &mapped->items[i];

		states[chunk->is_cached ? STATE_TCACHE : STATE_IN_USE] +=
			chunk->size -
			missing_bytes(runs, chunk->address, chunk->address + chunk->size);
	}
}

int resident_states__of_malloc(uint64_t states[MEMORY_STATE_CNT], uint64_t resident,
			       const struct resident_states_of *of, const struct mallocs *mallocs)
{
	_cleanup_(resident_runs__release) struct resident_runs runs = {.account = of->account};
	uint64_t found[MEMORY_STATE_CNT] = {};
	int err = find_runs(&runs, of, MEMORY_MALLOC);

	if (err)
		return err == -ENODATA ? 0 : err;
	for (size_t i = 0; i < mallocs->cnt && !err; i++) {
		const struct malloc_image *image = &mallocs->items[i].image;
		const struct malloc_heap_list *heaps = &image->instance->heaps;
		const struct malloc_arena_use total = malloc_image__total(image);

		add_total(found, &total);
		for (size_t j = 0; j < heaps->cnt && !err; j++)
			err = take_away_heap(found, &runs, image, &heaps->items[j]);
	}
	if (err)
		return err;
	add_mapped(found, &runs, &mallocs->areas.mapped);
	balance(found, resident);
	memcpy(states, found, sizeof(found));
	return 0;
}
