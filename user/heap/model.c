// SPDX-License-Identifier: BSD-2-Clause
#include "heap/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

int model__new(struct model **out, const struct geometry *geometry, bool follows_blocks,
	       struct account *account)
{
	_cleanup_(model__freep) struct model *model = calloc(1, sizeof(*model));
	int err;

	if (!model)
		return -ENOMEM;
	model->follows_blocks = follows_blocks;
	model->account = account;
	err = heap__new(&model->heap, geometry, account);
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
	account__free(model->abandoned);
	free(model);
}

void model__freep(struct model **model)
{
	model__free(*model);
}

/* The whole pages of an arena. */
static int touch_arena(struct model *model, uint64_t address)
{
	const struct geometry *geometry = &model->heap->geometry;
	uint64_t pools = geometry__arena_pools(geometry, address);

	return block_map__insert_range(model->touched, geometry__first_pool(geometry, address),
				       pools * geometry->pool_size);
}

/* Notes what @event makes uncertain in a copy of memory that is taken at about its time. */
static int touch(struct model *model, const struct pyfrag_event *event)
{
	bool before;
	int err;

	switch (event->type) {
	case EVENT_ARENA_MAP:
	case EVENT_ARENA_UNMAP:
		return event->address ? touch_arena(model, event->address) : 0;
	case EVENT_NEW_POOL:
		err = block_map__set_class(model->touched,
					   geometry__pool_of(&model->heap->geometry,
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

static uint64_t count_live(const struct heap *heap, uint64_t first_pool, uint64_t pools)
{
	const struct geometry *geometry = &heap->geometry;
	uint64_t cnt = 0;

	for (uint64_t i = 0; i < pools; i++)
		cnt += block_map__count(heap->blocks, first_pool + i * geometry->pool_size,
					geometry->pool_size);
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
	model->counts.missed_allocs += !was_live;
}

/* No block of @pool is live: those that are have missed their events. */
static int empty_pool(struct model *model, uint64_t pool)
{
	uint32_t size = model->heap->geometry.pool_size;
	uint64_t left = count_live(model->heap, pool, 1);

	if (!left)
		return 0;
	model->counts.missed_frees += left;
	block_map__remove_range(model->heap->blocks, pool, size);
	return model->touched ? block_map__insert_range(model->touched, pool, size) : 0;
}

/* A pool that is taken is empty; its size class holds until it is taken again. */
static int apply_new_pool(struct model *model, const struct pyfrag_event *event)
{
	const struct geometry *geometry = &model->heap->geometry;
	uint64_t pool = geometry__pool_of(geometry, event->address);
	int err = empty_pool(model, pool);

	if (err)
		return err;
	model->counts.new_pools++;
	err = block_map__set_class(model->heap->blocks, pool, event->size_class);
	return err ? err : apply_alloc(model, event->address);
}

/* A pool that goes back to its arena is empty. */
static int apply_pool_freed(struct model *model, uint64_t address)
{
	const struct geometry *geometry = &model->heap->geometry;
	uint64_t pool = geometry__pool_of(geometry, address);

	model->counts.pools_freed++;
	return empty_pool(model, pool);
}

static int apply_arena_map(struct model *model, uint64_t address)
{
	int err;

	if (!address)
		return 0; /* it could not be mapped */
	model->counts.arenas_mapped++;
	err = heap__add_arena(model->heap, address);
	if (err == -EINVAL) {
		model->counts.unplaced_events++;
		return 0;
	}
	if (err)
		return err;
	heap__find_arena(model->heap, address)->generation = ++model->generation;
	return 0;
}

static int compare_downwards(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a < b) - (a > b);
}

static bool was_abandoned(const struct model *model, uint64_t address)
{
	return model->abandoned_cnt && bsearch(&address, model->abandoned, model->abandoned_cnt,
					       sizeof(address), compare_downwards);
}

static void apply_arena_unmap(struct model *model, uint64_t address)
{
	const struct geometry *geometry = &model->heap->geometry;
	uint64_t left;

	/* An interpreter that ends unmaps all places of its table, also empty ones. */
	if (!address)
		return;
	if (!heap__find_arena(model->heap, address) && was_abandoned(model, address))
		return;
	left = count_live(model->heap, geometry__first_pool(geometry, address),
			  geometry__arena_pools(geometry, address));
	model->counts.arenas_unmapped++;
	if (model->follows_blocks)
		model->counts.missed_frees += left;
	if (heap__remove_arena(model->heap, address))
		model->counts.unplaced_events++;
}

/* Where not all events for blocks are seen, they move nothing. */
static void count_only(struct model *model, const struct pyfrag_event *event)
{
	model->counts.allocs += event->type == EVENT_ALLOC;
	model->counts.frees += event->type == EVENT_FREE;
	model->counts.new_pools += event->type == EVENT_NEW_POOL;
	model->counts.pools_freed += event->type == EVENT_POOL_FREED;
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

/* The heap is being brought up to date elsewhere: what happens to arenas meanwhile is for later. */
static int keep_for_later(struct model *model, const struct pyfrag_event *event)
{
	int err = ACCOUNT_RESERVE(model->account, model->late, model->late_capacity,
				  model->late_cnt + 1);

	if (!err)
		model->late[model->late_cnt++] = *event;
	return err;
}

/* Beyond user space of the widest addresses there are (57 bits, half of them the kernel's). */
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
	 * Events of addresses all over the place, as no allocator has them: the next checkpoint
	 * finds what is true.
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
	err = block_map__new(&model->touched, model->heap->geometry.alignment, model->account);
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

static bool is_last_of_its_arena(const struct model *model, size_t index)
{
	for (size_t i = index + 1; i < model->late_cnt; i++)
		if (model->late[i].address == model->late[index].address)
			return false;
	return true;
}

/*
 * The reader may have seen an arena before or after what happened to it. One that went in the end
 * is gone. One that came in the end and that the reader saw stays, but whose blocks those were is
 * not certain: all of it is read again next time.
 */
static int apply_late(struct model *model, size_t index)
{
	const struct pyfrag_event *event = &model->late[index];
	struct arena *arena = heap__find_arena(model->heap, event->address);
	bool is_last = is_last_of_its_arena(model, index);

	if (event->type == EVENT_ARENA_UNMAP && (!is_last || !arena)) {
		model->counts.arenas_unmapped++;
		return 0;
	}
	/* Where it was, another one may lie by now. */
	if (event->type == EVENT_ARENA_MAP && !is_last && !arena) {
		model->counts.arenas_mapped++;
		return 0;
	}
	if (event->type != EVENT_ARENA_MAP || !arena)
		return model__apply(model, event);
	model->counts.arenas_mapped++;
	arena->generation = ++model->generation;
	heap__forget_stamps(model->heap, arena->address);
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

/* One word of the bits of the chunk at @address, or 0 if there is no such chunk. */
static uint64_t word_of(const struct block_map_chunk *chunk, size_t word)
{
	return chunk ? chunk->bits[word] : 0;
}

struct comparison {
	const struct model *model;
	const struct heap *fresh;
	uint64_t drift_blocks;
	uint64_t *pools;
	size_t pool_cnt, pool_max;
};

static void note_pool(struct comparison *comparison, uint64_t address)
{
	uint64_t pool = geometry__pool_of(&comparison->fresh->geometry, address);

	if (comparison->pool_cnt && comparison->pools[comparison->pool_cnt - 1] == pool)
		return;
	if (comparison->pool_cnt < comparison->pool_max)
		comparison->pools[comparison->pool_cnt++] = pool;
}

static void compare_chunk(struct comparison *comparison, uint64_t address)
{
	const struct model *model = comparison->model;
	const struct block_map_chunk *old = block_map__chunk(model->heap->blocks, address);
	const struct block_map_chunk *new = block_map__chunk(comparison->fresh->blocks, address);
	const struct block_map_chunk *touched = block_map__chunk(model->touched, address);
	uint32_t alignment = comparison->fresh->geometry.alignment;

	for (size_t w = 0; w < block_map__words_per_chunk(model->heap->blocks); w++) {
		uint64_t differ = (word_of(old, w) ^ word_of(new, w)) & ~word_of(touched, w);

		if (!differ)
			continue;
		comparison->drift_blocks += (uint64_t)__builtin_popcountll(differ);
		note_pool(comparison,
			  address + (w * 64 + (uint64_t)__builtin_ctzll(differ)) * alignment);
	}
}

void model__compare(const struct model *model, const struct heap *fresh, uint64_t *drift_blocks,
		    uint64_t *pools, size_t max, size_t *pool_cnt)
{
	struct comparison comparison = {.model = model,
					.fresh = fresh,
					.pools = pools,
					.pool_max = max};
	const struct block_map_chunk *chunk;

	for (size_t i = 0; (chunk = block_map__chunk_at(fresh->blocks, i)); i++)
		compare_chunk(&comparison, chunk->address);
	for (size_t i = 0; (chunk = block_map__chunk_at(model->heap->blocks, i)); i++)
		if (!block_map__chunk(fresh->blocks, chunk->address))
			compare_chunk(&comparison, chunk->address);
	*drift_blocks = comparison.drift_blocks;
	*pool_cnt = comparison.pool_cnt;
}

/*
 * The classes of the pools of one chunk: of those taken meanwhile as events said, of others as they
 * were read. A pool may have been read just as it was set up, after its event and before it had a
 * class.
 */
static void overlay_classes(const struct block_map_chunk *touched,
			    const struct block_map_chunk *old, struct block_map_chunk *fresh)
{
	for (size_t page = 0; page < CHUNK_PAGES; page++) {
		if (touched->pool_class[page] != CLASS_UNKNOWN)
			fresh->pool_class[page] = touched->pool_class[page];
		else if (fresh->pool_class[page] == CLASS_UNKNOWN && old)
			fresh->pool_class[page] = old->pool_class[page];
	}
}

/* Bits that events touched are as the model has them. */
static int overlay_touched(const struct model *model, struct heap *fresh)
{
	const struct block_map_chunk *touched;
	size_t words = block_map__words_per_chunk(model->touched);

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
		overlay_classes(touched, old, new);
	}
	return 0;
}

static void carry_generations(const struct model *model, struct heap *fresh)
{
	for (size_t i = 0; i < fresh->arena_cnt; i++) {
		const struct arena *known = heap__find_arena(model->heap, fresh->arenas[i].address);

		if (known)
			fresh->arenas[i].generation = known->generation;
	}
}

/* Whether an event mapped or unmapped the arena at @address while the checkpoint was read. */
static bool arena_was_touched(const struct model *model, uint64_t address)
{
	return block_map__contains(model->touched,
				   geometry__first_pool(&model->heap->geometry, address));
}

static bool is_abandoned(const struct model *model, const struct arena *arena,
			 const struct heap *fresh)
{
	return !heap__find_arena(fresh, arena->address) &&
	       arena->generation <= model->window_generation &&
	       !arena_was_touched(model, arena->address);
}

int model__abandon_arenas(struct model *model, const struct heap *fresh,
			  bool (*is_mapped)(uint64_t address, void *context), void *context)
{
	const struct geometry *geometry = &model->heap->geometry;
	int err;

	model->abandoned_cnt = 0;
	for (size_t i = model->heap->arena_cnt; i-- > 0;) {
		const struct arena *arena = &model->heap->arenas[i];
		uint64_t first_pool = geometry__first_pool(geometry, arena->address);

		if (!is_abandoned(model, arena, fresh) || !is_mapped(first_pool, context))
			continue;
		err = ACCOUNT_RESERVE(model->account, model->abandoned, model->abandoned_capacity,
				      model->abandoned_cnt + 1);
		if (err)
			return err;
		model->abandoned[model->abandoned_cnt++] = arena->address;
		model->counts.abandoned_arenas++;
		model->counts.abandoned_blocks +=
			count_live(model->heap, first_pool,
				   geometry__arena_pools(geometry, arena->address));
		heap__remove_arena(model->heap, arena->address);
	}
	return 0;
}

/* Arenas that came or went meanwhile are as events left them; the others are as they were read. */
static int overlay_arenas(const struct model *model, struct heap *fresh)
{
	for (size_t i = fresh->arena_cnt; i-- > 0;) {
		uint64_t address = fresh->arenas[i].address;

		if (!heap__find_arena(model->heap, address) && arena_was_touched(model, address))
			heap__remove_arena(fresh, address);
	}
	for (size_t i = 0; i < model->heap->arena_cnt; i++) {
		const struct arena *arena = &model->heap->arenas[i];
		int err;

		if (arena->generation <= model->window_generation ||
		    heap__find_arena(fresh, arena->address))
			continue;
		err = heap__add_arena(fresh, arena->address);
		if (err && err != -EINVAL)
			return err;
		if (!err)
			heap__find_arena(fresh, arena->address)->generation = arena->generation;
	}
	return 0;
}

int model__adopt(struct model *model, struct heap *fresh, uint64_t drift_blocks)
{
	_cleanup_(heap__freep) struct heap *taken = fresh;
	int err = 0;

	carry_generations(model, fresh);
	/* Arenas first: adding one forgets its blocks, which events then put back. */
	if (model->touched)
		err = overlay_arenas(model, fresh);
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
