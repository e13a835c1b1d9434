// SPDX-License-Identifier: BSD-2-Clause
/*
 * Windows of a checkpoint, by hand: what the reader saw of an arena, and the events meanwhile.
 * Arenas and blocks must be as the events left them; what the events did not touch must be as the
 * reader saw it. (test_model.c runs a whole allocator; here each case has a few events.)
 */
#include "heap/model.h"

#include "fake_target.h"
#include "model_steps.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define FIRST	    0x7f3b50000000UL
#define ARENA_BYTES 0x40000UL

static struct heap *new_fresh(void)
{
	struct heap *heap;

	assert_int_equal(heap__new(&heap, LAYOUT_OF(&FAKE_GEOMETRIES[1]), NULL), 0);
	return heap;
}

/* An arena as the reader saw it, with one live block of 64 bytes in its first pool. */
static void see_arena(struct heap *fresh, uint64_t arena, uint64_t block)
{
	uint64_t live[4] = {};
	uint64_t unit = (block - arena) / 16;

	live[unit / 64] = 1UL << unit % 64;
	assert_int_equal(heap__add_region(fresh, arena, fresh->layout.region_size), 0);
	assert_int_equal(block_map__set_span(fresh->blocks, arena, 3, 0, live, 4), 0);
}

static void map_arena(struct model *model, uint64_t arena, uint64_t block)
{
	tell(model, EVENT_ARENA_MAP, arena);
	tell_new_pool(model, block, 3);
}

static void unmap_arena(struct model *model, uint64_t arena, uint64_t block)
{
	tell(model, EVENT_FREE, block);
	tell(model, EVENT_ARENA_UNMAP, arena);
}

/* Applies so many events that the effects of earlier ones are certainly in memory. */
static void let_it_pass(struct model *model)
{
	for (int i = 0; i < MODEL_RECENT_CNT; i++)
		tell(model, EVENT_FREELIST_CLEAR, 0);
}

/* Ends the window; nothing must have been missed. */
static void adopt_without_drift(struct model *model, struct heap *fresh)
{
	uint64_t drift, pool;
	size_t pool_cnt;

	model__compare(model, fresh, &drift, &pool, 1, &pool_cnt);
	assert_int_equal(drift, 0);
	assert_int_equal(pool_cnt, 0);
	assert_int_equal(model__adopt(model, fresh, drift), 0);
	assert_int_equal(model->counts.missed_allocs + model->counts.missed_frees, 0);
	assert_int_equal(model->counts.resyncs, 0);
	assert_null(model->touched);
}

/* The model's only arena and its only block; 0: none. */
static void check_only(const struct model *model, uint64_t arena, uint64_t block)
{
	struct heap_measure measure;

	assert_int_equal(model->heap->region_cnt, arena ? 1 : 0);
	if (arena)
		assert_int_equal(model->heap->regions[0].address, arena);
	if (block)
		assert_true(has_block(model, block));
	assert_int_equal(heap__measure(model->heap, &measure), 0);
	assert_int_equal(measure.totals.live_blocks, block ? 1 : 0);
	assert_int_equal(measure.totals.unclassified_spans + measure.totals.stray_blocks, 0);
	heap_measure__free(&measure);
}

#define BLOCK (FIRST + 48)
#define OTHER (FIRST + 48 + 64)

/* The reader left out the only pool of the arena, because it is swapped out. */
static void see_unread(struct heap *fresh)
{
	static const uint64_t none[4];

	assert_int_equal(heap__add_region(fresh, FIRST, fresh->layout.region_size), 0);
	assert_int_equal(block_map__set_span(fresh->blocks, FIRST, CLASS_UNREAD, 0, none, 4), 0);
}

/* The events still say what is in it. */
static void test_pool_that_was_not_read(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct heap *fresh = new_fresh();

	(void)state;
	map_arena(model, FIRST, BLOCK);
	let_it_pass(model);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	see_unread(fresh);
	adopt_without_drift(model, fresh);
	check_only(model, FIRST, BLOCK);
	assert_int_equal(block_map__class(model->heap->blocks, FIRST), 3);
	model__free(model);
}

static uint64_t unread_spans(const struct model *model)
{
	struct heap_measure measure;
	uint64_t spans;

	assert_int_equal(heap__measure(model->heap, &measure), 0);
	spans = measure.totals.unread_spans;
	heap_measure__free(&measure);
	return spans;
}

/* Events of blocks in it contradict nothing, and it is known once it is read or empty. */
static void test_pool_that_was_never_read(void **state)
{
	(void)state;
	for (int is_freed = 0; is_freed < 2; is_freed++) {
		struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
		struct heap *fresh = new_fresh();

		assert_int_equal(model__begin_checkpoint(model, false), 0);
		see_unread(fresh);
		adopt_without_drift(model, fresh);
		assert_int_equal(unread_spans(model), 1);
		tell(model, EVENT_FREE, BLOCK);
		tell(model, EVENT_ALLOC, OTHER);
		let_it_pass(model);
		assert_int_equal(unread_spans(model), 1);
		assert_int_equal(model__begin_checkpoint(model, false), 0);
		fresh = new_fresh();
		if (is_freed) {
			tell(model, EVENT_FREE, OTHER);
			tell(model, EVENT_POOL_FREED, OTHER);
			see_unread(fresh);
		} else {
			see_arena(fresh, FIRST, OTHER);
		}
		adopt_without_drift(model, fresh);
		assert_int_equal(unread_spans(model), 0);
		check_only(model, FIRST, is_freed ? 0 : OTHER);
		model__free(model);
	}
}

static void test_arena_mapped_after_the_reader_passed(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);

	(void)state;
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	map_arena(model, FIRST, BLOCK);
	adopt_without_drift(model, new_fresh());
	check_only(model, FIRST, BLOCK);
	model__free(model);
}

static void test_arena_unmapped_after_the_reader_passed(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct heap *fresh = new_fresh();

	(void)state;
	map_arena(model, FIRST, BLOCK);
	see_arena(fresh, FIRST, BLOCK);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	unmap_arena(model, FIRST, BLOCK);
	adopt_without_drift(model, fresh);
	check_only(model, 0, 0);
	model__free(model);
}

/* Another arena at the same address: the reader saw the old one, or the new one. */
static void test_arena_replaced_meanwhile(void **state)
{
	(void)state;
	for (int saw_new = 0; saw_new < 2; saw_new++) {
		struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
		struct heap *fresh = new_fresh();
		uint64_t generation;

		map_arena(model, FIRST, BLOCK);
		generation = model->heap->regions[0].generation;
		see_arena(fresh, FIRST, saw_new ? OTHER : BLOCK);
		assert_int_equal(model__begin_checkpoint(model, false), 0);
		unmap_arena(model, FIRST, BLOCK);
		map_arena(model, FIRST, OTHER);
		adopt_without_drift(model, fresh);
		check_only(model, FIRST, OTHER);
		assert_true(model->heap->regions[0].generation > generation);
		model__free(model);
	}
}

static void test_arena_that_came_and_went(void **state)
{
	(void)state;
	for (int seen = 0; seen < 2; seen++) {
		struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
		struct heap *fresh = new_fresh();

		assert_int_equal(model__begin_checkpoint(model, false), 0);
		map_arena(model, FIRST, BLOCK);
		if (seen)
			see_arena(fresh, FIRST, BLOCK);
		unmap_arena(model, FIRST, BLOCK);
		adopt_without_drift(model, fresh);
		check_only(model, 0, 0);
		model__free(model);
	}
}

/* It overlaps the previous arena: the reader may have seen either. */
static void test_arena_at_another_place_in_the_same_hole(void **state)
{
	const uint64_t moved = FIRST + 8 * 4096;

	(void)state;
	for (int saw_new = 0; saw_new < 2; saw_new++) {
		struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
		struct heap *fresh = new_fresh();

		map_arena(model, FIRST, BLOCK);
		if (saw_new)
			see_arena(fresh, moved, moved + 48);
		else
			see_arena(fresh, FIRST, BLOCK);
		assert_int_equal(model__begin_checkpoint(model, false), 0);
		unmap_arena(model, FIRST, BLOCK);
		map_arena(model, moved, moved + 48);
		adopt_without_drift(model, fresh);
		check_only(model, moved, moved + 48);
		model__free(model);
	}
}

/* A pool is freed and taken by another class: the reader saw one or the other. */
static void test_pool_that_changes_its_class_meanwhile(void **state)
{
	(void)state;
	for (int saw_new = 0; saw_new < 2; saw_new++) {
		struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
		struct heap *fresh = new_fresh();

		map_arena(model, FIRST, BLOCK);
		see_arena(fresh, FIRST, BLOCK);
		if (saw_new)
			assert_int_equal(block_map__set_class(fresh->blocks, FIRST, 9), 0);
		assert_int_equal(model__begin_checkpoint(model, false), 0);
		tell(model, EVENT_FREE, BLOCK);
		tell_new_pool(model, BLOCK, 9);
		adopt_without_drift(model, fresh);
		check_only(model, FIRST, BLOCK);
		assert_int_equal(block_map__class(model->heap->blocks, FIRST), 9);
		model__free(model);
	}
}

/*
 * The pool was read between its event, which came before the window, and the end of its
 * initialization: it seemed to have no class, and events have touched its apparent content since.
 */
static void test_pool_read_while_it_is_set_up(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct heap *fresh = new_fresh();

	(void)state;
	map_arena(model, FIRST, BLOCK);
	assert_int_equal(heap__add_region(fresh, FIRST, fresh->layout.region_size), 0);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	tell(model, EVENT_ALLOC, OTHER);
	tell(model, EVENT_FREE, BLOCK);
	adopt_without_drift(model, fresh);
	check_only(model, FIRST, OTHER);
	assert_int_equal(block_map__class(model->heap->blocks, FIRST), 3);
	model__free(model);
}

/* No event reported an arena, or its end: memory is right. */
static void test_missed_arena_events_are_healed(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct heap *fresh = new_fresh();
	uint64_t drift, pools[4];
	size_t pool_cnt;

	(void)state;
	map_arena(model, FIRST, BLOCK);
	let_it_pass(model);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	see_arena(fresh, FIRST + 2 * ARENA_BYTES, FIRST + 2 * ARENA_BYTES + 48);
	model__compare(model, fresh, &drift, pools, ARRAY_SIZE(pools), &pool_cnt);
	assert_int_equal(drift, 2);
	assert_int_equal(pool_cnt, 2);
	assert_int_equal(model__adopt(model, fresh, drift), 0);
	check_only(model, FIRST + 2 * ARENA_BYTES, FIRST + 2 * ARENA_BYTES + 48);
	assert_int_equal(model->counts.drift_blocks, 2);
	assert_int_equal(model->counts.resyncs, 1);
	model__free(model);
}

/* Events since the last begin count; windows that ended before do not. */
static void test_window_begins_with_the_last_begin(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct heap *fresh = new_fresh();
	uint64_t drift, pool;
	size_t pool_cnt;

	(void)state;
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	map_arena(model, FIRST, BLOCK);
	let_it_pass(model);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	model__compare(model, fresh, &drift, &pool, 1, &pool_cnt);
	assert_int_equal(drift, 1);
	assert_int_equal(pool, FIRST);
	assert_int_equal(model__adopt(model, fresh, drift), 0);
	check_only(model, 0, 0);
	model__free(model);
}

/* Where events were lost, the last received event is not one of the latest. */
static void test_lost_events_end_the_trust(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct heap *fresh = new_fresh();
	uint64_t drift, pool;
	size_t pool_cnt;

	(void)state;
	map_arena(model, FIRST, BLOCK);
	assert_int_equal(model__begin_checkpoint(model, true), 0);
	model__compare(model, fresh, &drift, &pool, 1, &pool_cnt);
	assert_int_equal(drift, 1);
	assert_int_equal(model__adopt(model, fresh, drift), 0);
	check_only(model, 0, 0);
	model__free(model);
}

/*
 * A thread that was preempted in the middle of a change: the event has arrived, but memory is
 * unchanged.
 */
static void test_last_change_is_not_in_memory_yet(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);

	(void)state;
	map_arena(model, FIRST, BLOCK);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	adopt_without_drift(model, new_fresh());
	check_only(model, FIRST, BLOCK);
	for (int again = 0; again < 2; again++) {
		struct heap *fresh = new_fresh();

		if (!again)
			unmap_arena(model, FIRST, BLOCK);
		see_arena(fresh, FIRST, BLOCK);
		assert_int_equal(model__begin_checkpoint(model, false), 0);
		adopt_without_drift(model, fresh);
		check_only(model, 0, 0);
	}
	model__free(model);
}

static void test_comparison_names_the_pools_that_differ(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[2], true);
	uint64_t drift, pools[100], random = 4;
	struct heap *fresh;
	size_t pool_cnt;

	(void)state;
	assert_int_equal(heap__new(&fresh, LAYOUT_OF(&FAKE_GEOMETRIES[2]), NULL), 0);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	/* Two blocks differ in each of 50 pools: one heap or the other has them, alternately. */
	for (uint64_t i = 0; i < 50; i++) {
		uint64_t pool = FIRST + i * 16384;
		bool was_live;

		for (int block = 0; block < 2; block++) {
			uint64_t address = pool + 48 + 512UL * block;

			assert_int_equal(block_map__insert(i % 2 ? fresh->blocks
								 : model->heap->blocks,
							   address, &was_live),
					 0);
		}
	}
	model__compare(model, fresh, &drift, pools, ARRAY_SIZE(pools), &pool_cnt);
	assert_int_equal(drift, 100);
	assert_int_equal(pool_cnt, 50);
	for (size_t i = 0; i < 50; i++) {
		bool named = false;

		for (size_t j = 0; j < 50; j++)
			named |= pools[j] == FIRST + i * 16384;
		assert_true(named);
	}
	/* More pools than fit: as many as fit are returned. */
	model__compare(model, fresh, &drift, pools, 7, &pool_cnt);
	assert_int_equal(drift, 100);
	assert_int_equal(pool_cnt, 7);
	/* Touched blocks do not count, whatever their state is. */
	for (uint64_t i = 0; i < 50; i++)
		tell(model, prng__below(&random, 2) ? EVENT_ALLOC : EVENT_FREE,
		     FIRST + i * 16384 + 48);
	model__compare(model, fresh, &drift, pools, ARRAY_SIZE(pools), &pool_cnt);
	assert_int_equal(drift, 50);
	assert_int_equal(pool_cnt, 50);
	heap__free(fresh);
	model__free(model);
}

/* Arenas keep their age over a checkpoint; arenas whose mapping was not seen have none. */
static void test_generations_survive_a_checkpoint(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct heap *fresh = new_fresh();
	uint64_t first, second;

	(void)state;
	tell(model, EVENT_ARENA_MAP, FIRST);
	tell(model, EVENT_ARENA_MAP, FIRST + ARENA_BYTES);
	first = model->heap->regions[0].generation;
	second = model->heap->regions[1].generation;
	assert_true(first && second && first != second);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(heap__add_region(fresh, FIRST + i * ARENA_BYTES,
						  fresh->layout.region_size),
				 0);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	adopt_without_drift(model, fresh);
	assert_int_equal(model->heap->regions[0].generation, first);
	assert_int_equal(model->heap->regions[1].generation, second);
	assert_int_equal(model->heap->regions[2].generation, 0);
	model__free(model);
}

static void test_watching_follows_arenas(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], false);
	struct heap *fresh = new_fresh();
	uint64_t generation;

	(void)state;
	see_arena(fresh, FIRST, BLOCK);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	assert_int_equal(model__adopt(model, fresh, 0), 0);
	check_only(model, FIRST, BLOCK);
	/* Its blocks were freed before it was unmapped: nothing was missed. */
	tell(model, EVENT_ARENA_UNMAP, FIRST);
	check_only(model, 0, 0);
	assert_int_equal(model->counts.regions_unmapped, 1);
	assert_int_equal(model->counts.missed_frees, 0);
	tell(model, EVENT_ARENA_MAP, FIRST);
	tell(model, EVENT_FREELIST_CLEAR, 0);
	generation = model->heap->regions[0].generation;
	assert_true(generation);
	fresh = new_fresh();
	see_arena(fresh, FIRST, OTHER);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	assert_int_equal(model__adopt(model, fresh, 0), 0);
	check_only(model, FIRST, OTHER);
	assert_int_equal(model->heap->regions[0].generation, generation);
	assert_int_equal(model->counts.freelist_clears, 1);
	model__free(model);
}

/*
 * In mode watch, the heap is lent to be updated; events about arenas meanwhile are applied
 * afterwards.
 */
static void test_events_while_the_heap_is_lent(void **state)
{
	(void)state;
	for (int seen = 0; seen < 2; seen++) {
		struct model *model = make_model(&FAKE_GEOMETRIES[1], false);
		struct heap *lent = model__lend_heap(model);

		assert_null(model->heap);
		tell(model, EVENT_ALLOC, BLOCK);
		tell(model, EVENT_ARENA_MAP, FIRST);
		tell(model, EVENT_ARENA_UNMAP, FIRST);
		tell(model, EVENT_ARENA_MAP, FIRST);
		tell(model, EVENT_ARENA_MAP, FIRST + ARENA_BYTES);
		tell(model, EVENT_ARENA_UNMAP, FIRST + ARENA_BYTES);
		if (seen) { /* the second time it was there; the other before it went */
			see_arena(lent, FIRST, BLOCK);
			see_arena(lent, FIRST + ARENA_BYTES, FIRST + ARENA_BYTES + 48);
		}
		assert_int_equal(model__return_heap(model, lent), 0);
		check_only(model, FIRST, seen ? BLOCK : 0);
		assert_true(model->heap->regions[0].generation);
		assert_int_equal(model->counts.allocs, 1);
		assert_int_equal(model->counts.regions_mapped, 3);
		assert_int_equal(model->counts.regions_unmapped, 2);
		assert_int_equal(model->counts.unplaced_events, 0);
		model__free(model);
	}
}

/*
 * Where an arena was mapped and unmapped, another may be at the next page when the heap is read:
 * its blocks stay.
 */
static void test_what_came_and_went_under_an_arena(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], false);
	struct heap *lent = model__lend_heap(model);

	(void)state;
	tell(model, EVENT_ARENA_MAP, FIRST + 4096);
	tell(model, EVENT_ARENA_UNMAP, FIRST + 4096);
	tell(model, EVENT_ARENA_MAP, FIRST);
	see_arena(lent, FIRST, BLOCK);
	assert_int_equal(model__return_heap(model, lent), 0);
	check_only(model, FIRST, BLOCK);
	assert_int_equal(model->counts.regions_mapped, 2);
	assert_int_equal(model->counts.regions_unmapped, 1);
	assert_int_equal(model->counts.unplaced_events, 0);
	/* An impossible arena does not remove them either. */
	tell(model, EVENT_ARENA_MAP, FIRST + 4096);
	check_only(model, FIRST, BLOCK);
	assert_int_equal(model->counts.unplaced_events, 1);
	model__free(model);
}

#define LIVE_ARENA     (FIRST + ARENA_BYTES)
#define UNMAPPED_ARENA (FIRST + 2 * ARENA_BYTES)
#define NEW_ARENA      (FIRST + 3 * ARENA_BYTES)

static bool is_mapped(uint64_t address, void *context)
{
	(*(int *)context)++;
	return geometry__pool_of(&FAKE_GEOMETRIES[1], address) != UNMAPPED_ARENA;
}

/*
 * An interpreter has ended, and its arena is in no table: the model drops it. It does not drop an
 * arena that was unmapped without an event, one that was mapped meanwhile, and one that is in a
 * table.
 */
static void test_abandoned_arenas(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct heap *fresh = new_fresh();
	uint64_t drift, pool;
	size_t pool_cnt;
	int asked = 0;

	(void)state;
	map_arena(model, FIRST, BLOCK);
	map_arena(model, LIVE_ARENA, LIVE_ARENA + BLOCK - FIRST);
	map_arena(model, UNMAPPED_ARENA, UNMAPPED_ARENA + BLOCK - FIRST);
	let_it_pass(model);
	see_arena(fresh, LIVE_ARENA, LIVE_ARENA + BLOCK - FIRST);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	map_arena(model, NEW_ARENA, NEW_ARENA + BLOCK - FIRST);
	model__abandon_regions(model, fresh, is_mapped, &asked);
	assert_int_equal(asked, 2);
	assert_int_equal(model->counts.abandoned_regions, 1);
	assert_int_equal(model->counts.abandoned_blocks, 1);
	assert_int_equal(model->counts.missed_frees, 0);
	assert_null(heap__find_region(model->heap, FIRST));
	assert_false(has_block(model, BLOCK));
	model__compare(model, fresh, &drift, &pool, 1, &pool_cnt);
	assert_int_equal(drift, 1);
	assert_int_equal(pool, UNMAPPED_ARENA);
	assert_int_equal(model__adopt(model, fresh, drift), 0);
	assert_int_equal(model->heap->region_cnt, 2);
	assert_true(has_block(model, NEW_ARENA + BLOCK - FIRST));
	/* An interpreter that ends unmaps all slots of its table, most of which are empty. */
	tell(model, EVENT_ARENA_UNMAP, 0);
	assert_int_equal(model->counts.regions_unmapped + model->counts.unplaced_events, 0);
	tell(model, EVENT_ARENA_UNMAP, FIRST + BLOCK);
	assert_int_equal(model->counts.unplaced_events, 1);
	model__free(model);
}

/* What a reading leaves out while the table that lists FIRST cannot be read. */
static void keep_first(struct model *model, struct heap *fresh)
{
	int asked = 0;

	assert_int_equal(model__keep_regions(model, fresh, is_mapped, &asked), 0);
	assert_int_equal(asked, 1);
}

/* An interpreter that is about to end may be in that state for several readings. */
static void test_arena_whose_table_cannot_be_read(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);

	(void)state;
	map_arena(model, FIRST, BLOCK);
	let_it_pass(model);
	for (int i = 0; i < 3; i++) {
		struct heap *fresh = new_fresh();

		assert_int_equal(model__begin_checkpoint(model, false), 0);
		keep_first(model, fresh);
		adopt_without_drift(model, fresh);
		check_only(model, FIRST, BLOCK);
		assert_int_equal(block_map__class(model->heap->blocks, FIRST), 3);
	}
	unmap_arena(model, FIRST, BLOCK);
	check_only(model, 0, 0);
	assert_int_equal(model->counts.regions_unmapped, 1);
	assert_int_equal(model->counts.unplaced_events + model->counts.abandoned_regions, 0);
	assert_int_equal(model->counts.missed_allocs + model->counts.missed_frees, 0);
	model__free(model);
}

/* Events go on while it is compared. */
static void test_arena_whose_table_cannot_be_read_changes(void **state)
{
	(void)state;
	for (int is_unmapped = 0; is_unmapped <= 1; is_unmapped++) {
		struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
		struct heap *fresh = new_fresh();

		map_arena(model, FIRST, BLOCK);
		let_it_pass(model);
		assert_int_equal(model__begin_checkpoint(model, false), 0);
		keep_first(model, fresh);
		tell(model, EVENT_ALLOC, OTHER);
		tell(model, EVENT_FREE, BLOCK);
		if (is_unmapped)
			unmap_arena(model, FIRST, OTHER);
		adopt_without_drift(model, fresh);
		check_only(model, is_unmapped ? 0 : FIRST, is_unmapped ? 0 : OTHER);
		model__free(model);
	}
}

/* Arenas that were unmapped without an event, or are not arenas any more, are drift. */
static void test_what_is_no_arena_is_not_kept(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct heap *fresh = new_fresh();
	uint64_t drift, pool;
	size_t pool_cnt;
	int asked = 0;

	(void)state;
	map_arena(model, FIRST, BLOCK);
	map_arena(model, UNMAPPED_ARENA, UNMAPPED_ARENA + BLOCK - FIRST);
	let_it_pass(model);
	/* Another arena is where the first one was. */
	assert_int_equal(heap__add_region(fresh, FIRST + ARENA_BYTES / 2, ARENA_BYTES), 0);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	assert_int_equal(model__keep_regions(model, fresh, is_mapped, &asked), 0);
	assert_int_equal(asked, 2);
	model__compare(model, fresh, &drift, &pool, 1, &pool_cnt);
	assert_int_equal(drift, 2);
	assert_int_equal(model__adopt(model, fresh, drift), 0);
	check_only(model, FIRST + ARENA_BYTES / 2, 0);
	model__free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool_that_was_not_read),
		cmocka_unit_test(test_pool_that_was_never_read),
		cmocka_unit_test(test_arena_mapped_after_the_reader_passed),
		cmocka_unit_test(test_arena_unmapped_after_the_reader_passed),
		cmocka_unit_test(test_arena_replaced_meanwhile),
		cmocka_unit_test(test_arena_that_came_and_went),
		cmocka_unit_test(test_arena_at_another_place_in_the_same_hole),
		cmocka_unit_test(test_pool_that_changes_its_class_meanwhile),
		cmocka_unit_test(test_pool_read_while_it_is_set_up),
		cmocka_unit_test(test_missed_arena_events_are_healed),
		cmocka_unit_test(test_window_begins_with_the_last_begin),
		cmocka_unit_test(test_lost_events_end_the_trust),
		cmocka_unit_test(test_last_change_is_not_in_memory_yet),
		cmocka_unit_test(test_comparison_names_the_pools_that_differ),
		cmocka_unit_test(test_generations_survive_a_checkpoint),
		cmocka_unit_test(test_watching_follows_arenas),
		cmocka_unit_test(test_events_while_the_heap_is_lent),
		cmocka_unit_test(test_what_came_and_went_under_an_arena),
		cmocka_unit_test(test_abandoned_arenas),
		cmocka_unit_test(test_arena_whose_table_cannot_be_read),
		cmocka_unit_test(test_arena_whose_table_cannot_be_read_changes),
		cmocka_unit_test(test_what_is_no_arena_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
