// SPDX-License-Identifier: BSD-2-Clause
#include "heap/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/unread_spans.h"
#include "util/cleanup.h"

int model__new(struct model **out, const struct heap_layout *layout, bool follows_blocks,
	       struct account *account)
{
	_cleanup_(model__freep) struct model *model = calloc(1, sizeof(*model));
	int err;

	if (!model)
		return -ENOMEM;
	model->follows_blocks = follows_blocks;
	model->account = account;
	err = heap__new(&model->heap, layout, account);
	if (err)
		return err;
	*out = TAKE_PTR(model);
	return 0;
}

void model__free(struct model *model)
{
	if (!model)
		return;
	heap__free(model->heap);
	block_map__free(model->touched);
	account__free(model->late);
	free(model);
}

void model__freep(struct model **model)
{
	model__free(*model);
}

/* A region of which an event gives only the address. */
static struct region region_at(const struct model *model, uint64_t address)
{
	return (struct region){.address = address, .size = model->heap->layout.region_size};
}

static int touch_region(struct model *model, uint64_t address)
{
	const struct heap_layout *layout = &model->heap->layout;
	struct region region = region_at(model, address);
	uint64_t first = heap_layout__first_span(layout, &region);

	return block_map__insert_range(model->touched, first,
				       heap_layout__spans_end(layout, &region) - first);
}

/*
 * Marks what @event changed: a copy of memory taken at about the same time may show either state.
 */
static int touch(struct model *model, const struct pyfrag_event *event)
{
	bool before;
	int err;

	switch (event->type) {
	case EVENT_ARENA_MAP:
	case EVENT_ARENA_UNMAP:
		return event->address ? touch_region(model, event->address) : 0;
	case EVENT_NEW_POOL:
		err = block_map__set_class(model->touched,
					   heap_layout__span_start(&model->heap->layout,
								   event->address),
					   event->size_class);
		return err ? err : block_map__insert(model->touched, event->address, &before);
	case EVENT_ALLOC:
	case EVENT_FREE:
		return block_map__insert(model->touched, event->address, &before);
	default:
		return 0;
	}
}

static uint64_t count_live(const struct heap *heap, const struct region *region)
{
	struct span span = {};
	uint64_t cnt = 0;

	while (heap__next_span(heap, region, &span))
		cnt += block_map__count(heap->blocks, span.address, span.size);
	return cnt;
}

static int apply_alloc(struct model *model, uint64_t address)
{
	bool was_live;
	int err;

	err = block_map__insert(model->heap->blocks, address, &was_live);
	if (err)
		return err;
	model->counts.allocs++;
	model->counts.missed_frees += was_live;
	return 0;
}

static void apply_free(struct model *model, uint64_t address)
{
	bool was_live;

	block_map__remove(model->heap->blocks, address, &was_live);
	model->counts.frees++;
	model->counts.missed_allocs += !was_live && !unread_spans__contain(model->heap, address);
}

/* Empties the span around @address. Blocks that are still live in it have missed their events. */
static int empty_span(struct model *model, uint64_t address)
{
	struct block_map *blocks = model->heap->blocks;
	struct span span;
	uint32_t left;

	heap__span_at(model->heap, heap_layout__span_start(&model->heap->layout, address), &span);
	left = block_map__count(blocks, span.address, span.size);
	if (!left && !unread_spans__contain(model->heap, address))
		return 0;
	model->counts.missed_frees += left;
	block_map__remove_range(blocks, span.address, span.size);
	return model->touched ? block_map__insert_range(model->touched, span.address, span.size)
			      : 0;
}

/* A newly taken span is empty; its size class holds until it is taken again. */
static int apply_new_pool(struct model *model, const struct pyfrag_event *event)
{
	int err = empty_span(model, event->address);

	if (err)
		return err;
	model->counts.new_spans++;
	err = block_map__set_class(model->heap->blocks,
				   heap_layout__span_start(&model->heap->layout, event->address),
				   event->size_class);
	return err ? err : apply_alloc(model, event->address);
}

/* A span returned to its region is empty. */
static int apply_pool_freed(struct model *model, uint64_t address)
{
	model->counts.spans_freed++;
	return empty_span(model, address);
}

static int apply_arena_map(struct model *model, uint64_t address)
{
	int err;

	if (!address)
		return 0; /* mapping failed */
	model->counts.regions_mapped++;
	err = heap__add_region(model->heap, address, model->heap->layout.region_size);
	if (err == -EINVAL) {
		model->counts.unplaced_events++;
		return 0;
	}
	if (err)
		return err;
	heap__find_region(model->heap, address)->generation = ++model->generation;
	return 0;
}

static void apply_arena_unmap(struct model *model, uint64_t address)
{
	struct region region = region_at(model, address);
	const struct region *known;
	uint64_t left;

	/* An interpreter that ends unmaps all slots of its arena table, including empty ones. */
	if (!address)
		return;
	known = heap__find_region(model->heap, address);
	left = count_live(model->heap, known ? known : &region);
	model->counts.regions_unmapped++;
	if (model->follows_blocks)
		model->counts.missed_frees += left;
	if (heap__remove_region(model->heap, address))
		model->counts.unplaced_events++;
}

/* Without an event for each block, events of blocks are counted but change nothing. */
static void count_only(struct model *model, const struct pyfrag_event *event)
{
	model->counts.allocs += event->type == EVENT_ALLOC;
	model->counts.frees += event->type == EVENT_FREE;
	model->counts.new_spans += event->type == EVENT_NEW_POOL;
	model->counts.spans_freed += event->type == EVENT_POOL_FREED;
}

static void remember(struct model *model, const struct pyfrag_event *event)
{
	size_t index = model->recent_cnt++ % MODEL_RECENT_CNT;

	model->recent[index].event = *event;
	model->recent[index].generation = model->generation;
}

static int apply(struct model *model, const struct pyfrag_event *event)
{
	if (!model->follows_blocks && event->type <= EVENT_POOL_FREED) {
		count_only(model, event);
		return 0;
	}
	if (model->touched) {
		int err = touch(model, event);

		if (err)
			return err;
	}
	remember(model, event);
	switch (event->type) {
	case EVENT_ALLOC:
		return apply_alloc(model, event->address);
	case EVENT_FREE:
		apply_free(model, event->address);
		return 0;
	case EVENT_NEW_POOL:
		return apply_new_pool(model, event);
	case EVENT_POOL_FREED:
		return apply_pool_freed(model, event->address);
	case EVENT_ARENA_MAP:
		return apply_arena_map(model, event->address);
	case EVENT_ARENA_UNMAP:
		apply_arena_unmap(model, event->address);
		return 0;
	case EVENT_FREELIST_CLEAR:
		model->counts.freelist_clears++;
		return 0;
	default:
		return 0;
	}
}

/*
 * Queues an event of a region while the heap is lent out for an update; it is applied afterwards.
 */
static int keep_for_later(struct model *model, const struct pyfrag_event *event)
{
	int err = ACCOUNT_RESERVE(model->account, model->late, model->late_capacity,
				  model->late_cnt + 1);

	if (!err)
		model->late[model->late_cnt++] = *event;
	return err;
}

/* Outside user space even with the widest addresses (57 bits, of which the kernel has half). */
static bool is_no_user_address(uint64_t address)
{
	return address >> 56;
}

int model__apply(struct model *model, const struct pyfrag_event *event)
{
	int err;

	if (event->type <= EVENT_ARENA_UNMAP && is_no_user_address(event->address)) {
		model->counts.unplaced_events++;
		return 0;
	}
	if (!model->heap && (event->type == EVENT_ARENA_MAP || event->type == EVENT_ARENA_UNMAP))
		err = keep_for_later(model, event);
	else
		err = apply(model, event);
	/*
	 * The addresses are spread as no allocator spreads them. The next checkpoint corrects the
	 * model.
	 */
	if (err == -EDQUOT) {
		model->counts.unplaced_events++;
		return 0;
	}
	return err;
}

int model__begin_checkpoint(struct model *model, bool lost_some)
{
	int err;

	if (lost_some)
		model->recent_cnt = 0;
	block_map__free(TAKE_PTR(model->touched));
	model->window_generation = model->generation;
	if (!model->follows_blocks)
		return 0;
	err = block_map__new(&model->touched, &model->heap->layout.map, model->account);
	for (size_t i = 0; i < MODEL_RECENT_CNT && i < model->recent_cnt && !err; i++) {
		err = touch(model, &model->recent[i].event);
		if (model->recent[i].generation < model->window_generation)
			model->window_generation = model->recent[i].generation;
	}
	return err;
}

struct heap *model__lend_heap(struct model *model)
{
	return TAKE_PTR(model->heap);
}

static bool is_last_of_its_region(const struct model *model, size_t index)
{
	for (size_t i = index + 1; i < model->late_cnt; i++)
		if (model->late[i].address == model->late[index].address)
			return false;
	return true;
}

/*
 * The reader may have seen a region before or after its events. If the last event unmapped it, it
 * is removed. If the last event mapped it and the reader saw it, it stays, but its blocks may be
 * those of the previous region at that address: the next reading reads all of it again.
 */
static int apply_late(struct model *model, size_t index)
{
	const struct pyfrag_event *event = &model->late[index];
	struct region *region = heap__find_region(model->heap, event->address);
	bool is_last = is_last_of_its_region(model, index);

	if (event->type == EVENT_ARENA_UNMAP && (!is_last || !region)) {
		model->counts.regions_unmapped++;
		return 0;
	}
	/* By now, another region may be at this address. */
	if (event->type == EVENT_ARENA_MAP && !is_last && !region) {
		model->counts.regions_mapped++;
		return 0;
	}
	if (event->type != EVENT_ARENA_MAP || !region)
		return model__apply(model, event);
	model->counts.regions_mapped++;
	region->generation = ++model->generation;
	heap__forget_stamps(model->heap, region);
	return 0;
}

int model__return_heap(struct model *model, struct heap *heap)
{
	int err = 0;

	model->heap = heap;
	for (size_t i = 0; i < model->late_cnt && !err; i++)
		err = apply_late(model, i);
	model->late_cnt = 0;
	return err;
}

/* One word of a chunk's bits; 0 if there is no such chunk. */
static uint64_t word_of(const struct block_map_chunk *chunk, size_t word)
{
	return chunk ? chunk->bits[word] : 0;
}

struct comparison {
	const struct model *model;
	const struct heap *fresh;
	uint64_t drift_blocks;
	uint64_t *spans;
	size_t span_cnt, span_max;
};

static void note_span(struct comparison *comparison, uint64_t address)
{
	uint64_t span = heap_layout__span_start(&comparison->fresh->layout, address);

	if (comparison->span_cnt && comparison->spans[comparison->span_cnt - 1] == span)
		return;
	if (comparison->span_cnt < comparison->span_max)
		comparison->spans[comparison->span_cnt++] = span;
}

static void compare_chunk(struct comparison *comparison, uint64_t address)
{
	const struct model *model = comparison->model;
	const struct block_map_chunk *old = block_map__chunk(model->heap->blocks, address);
	const struct block_map_chunk *new = block_map__chunk(comparison->fresh->blocks, address);
	const struct block_map_chunk *touched = block_map__chunk(model->touched, address);
	uint32_t alignment = comparison->fresh->layout.map.alignment;
	uint64_t block;

	for (size_t w = 0; w < block_map__words_per_chunk(model->heap->blocks); w++) {
		uint64_t differ = (word_of(old, w) ^ word_of(new, w)) & ~word_of(touched, w);

		if (!differ)
			continue;
		block = address + (w * 64 + (uint64_t)__builtin_ctzll(differ)) * alignment;
		if (unread_spans__contain(model->heap, block) ||
		    unread_spans__contain(comparison->fresh, block))
			continue;
		comparison->drift_blocks += (uint64_t)__builtin_popcountll(differ);
		note_span(comparison, block);
	}
}

void model__compare(const struct model *model, const struct heap *fresh, uint64_t *drift_blocks,
		    uint64_t *spans, size_t max, size_t *span_cnt)
{
	struct comparison comparison = {.model = model,
					.fresh = fresh,
					.spans = spans,
					.span_max = max};
	const struct block_map_chunk *chunk;

	for (size_t i = 0; (chunk = block_map__chunk_at(fresh->blocks, i)); i++)
		compare_chunk(&comparison, chunk->address);
	for (size_t i = 0; (chunk = block_map__chunk_at(model->heap->blocks, i)); i++)
		if (!block_map__chunk(fresh->blocks, chunk->address))
			compare_chunk(&comparison, chunk->address);
	*drift_blocks = comparison.drift_blocks;
	*span_cnt = comparison.span_cnt;
}

/*
 * Sets the size classes of the spans of one chunk: from the events of spans taken during the
 * checkpoint, of all others from the reading. A span may have been read while it was being set up,
 * after its event and before it had a class.
 */
static void overlay_classes(const struct block_map_chunk *touched,
			    const struct block_map_chunk *old, struct block_map_chunk *fresh,
			    size_t page_cnt)
{
	for (size_t page = 0; page < page_cnt; page++) {
		if (touched->span_class[page] != CLASS_UNKNOWN)
			fresh->span_class[page] = touched->span_class[page];
		else if (fresh->span_class[page] == CLASS_UNKNOWN && old)
			fresh->span_class[page] = old->span_class[page];
	}
}

/* Restores the bits that events touched to their state in the model. */
static int overlay_touched(const struct model *model, struct heap *fresh)
{
	const struct block_map_chunk *touched;
	size_t words = block_map__words_per_chunk(model->touched);
	size_t pages = block_map__pages_per_chunk(model->touched);

	for (size_t i = 0; (touched = block_map__chunk_at(model->touched, i)); i++) {
		const struct block_map_chunk *old =
			block_map__chunk(model->heap->blocks, touched->address);
		struct block_map_chunk *new;
		int err;

		err = block_map__get_chunk(fresh->blocks, touched->address, &new);
		if (err)
			return err;
		for (size_t w = 0; w < words; w++)
			new->bits[w] = (new->bits[w] & ~touched->bits[w]) |
				       (word_of(old, w) & touched->bits[w]);
		overlay_classes(touched, old, new, pages);
	}
	return 0;
}

static void carry_generations(const struct model *model, struct heap *fresh)
{
	for (size_t i = 0; i < fresh->region_cnt; i++) {
		const struct region *known =
			heap__find_region(model->heap, fresh->regions[i].address);

		if (known)
			fresh->regions[i].generation = known->generation;
	}
}

/* Whether an event mapped or unmapped @region while the checkpoint was read. */
static bool was_touched(const struct model *model, const struct region *region)
{
	return block_map__contains(model->touched,
				   heap_layout__first_span(&model->heap->layout, region));
}

/* Whether @region is missing in @fresh although no event says that it came or went. */
static bool is_missing(const struct model *model, const struct region *region,
		       const struct heap *fresh)
{
	return !heap__find_region(fresh, region->address) &&
	       region->generation <= model->window_generation && !was_touched(model, region);
}

static bool is_still_mapped(const struct model *model, const struct region *region,
			    bool (*is_mapped)(uint64_t address, void *context), void *context)
{
	return is_mapped(heap_layout__first_span(&model->heap->layout, region), context);
}

int model__keep_regions(const struct model *model, struct heap *fresh,
			bool (*is_mapped)(uint64_t address, void *context), void *context)
{
	for (size_t i = 0; i < model->heap->region_cnt; i++) {
		const struct region *region = &model->heap->regions[i];
		int err;

		if (!is_missing(model, region, fresh) ||
		    !is_still_mapped(model, region, is_mapped, context))
			continue;
		err = heap__add_region(fresh, region->address, region->size);
		if (err == -EINVAL)
			continue; /* another one is there */
		if (!err)
			err = unread_spans__add_region(fresh, region);
		if (err)
			return err;
		heap__find_region(fresh, region->address)->carved_end = region->carved_end;
	}
	return 0;
}

void model__abandon_regions(struct model *model, const struct heap *fresh,
			    bool (*is_mapped)(uint64_t address, void *context), void *context)
{
	for (size_t i = model->heap->region_cnt; i-- > 0;) {
		const struct region *region = &model->heap->regions[i];

		if (!is_missing(model, region, fresh) ||
		    !is_still_mapped(model, region, is_mapped, context))
			continue;
		model->counts.abandoned_regions++;
		model->counts.abandoned_blocks += count_live(model->heap, region);
		heap__remove_region(model->heap, region->address);
	}
}

/*
 * Restores the regions that were mapped or unmapped during the checkpoint to the state in which
 * events left them; all others stay as read.
 */
static int overlay_regions(const struct model *model, struct heap *fresh)
{
	for (size_t i = fresh->region_cnt; i-- > 0;) {
		const struct region *region = &fresh->regions[i];

		if (!heap__find_region(model->heap, region->address) && was_touched(model, region))
			heap__remove_region(fresh, region->address);
	}
	for (size_t i = 0; i < model->heap->region_cnt; i++) {
		const struct region *region = &model->heap->regions[i];
		int err;

		if (region->generation <= model->window_generation ||
		    heap__find_region(fresh, region->address))
			continue;
		err = heap__add_region(fresh, region->address, region->size);
		if (err && err != -EINVAL)
			return err;
		if (!err)
			heap__find_region(fresh, region->address)->generation = region->generation;
	}
	return 0;
}

int model__adopt(struct model *model, struct heap *fresh, uint64_t drift_blocks)
{
	_cleanup_(heap__freep) struct heap *taken = fresh;
	int err = 0;

	carry_generations(model, fresh);
	err = unread_spans__carry(fresh, model->heap);
	/* Regions first: adding one clears its blocks, which overlay_touched() then restores. */
	if (!err && model->touched)
		err = overlay_regions(model, fresh);
	if (!err && model->touched)
		err = overlay_touched(model, fresh);
	if (err)
		return err;
	heap__free(model->heap);
	model->heap = TAKE_PTR(taken);
	block_map__free(TAKE_PTR(model->touched));
	model->counts.drift_blocks += drift_blocks;
	model->counts.resyncs += drift_blocks != 0;
	return 0;
}
