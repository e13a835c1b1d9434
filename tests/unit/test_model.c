// SPDX-License-Identifier: BSD-2-Clause
#include "heap/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_target.h"
#include "model_steps.h"
#include "prng.h"
#include "pymalloc/checkpoint.h"
#include "unit_test.h"
#include "util/array.h"
#include "util/cleanup.h"

/*
 * A target whose events reach the model late: they wait in a queue, like those of a live process in
 * the ring buffer.
 */
struct run {
	struct fake_target target;
	struct model *model;
	struct obmalloc obmalloc;
	struct pyfrag_event *queue;
	size_t head, tail, capacity;
	uint64_t event_cnt, withheld; /* the number of the event that is withheld; 0: none */
	uint8_t withheld_type;
	uint64_t random;
	uint32_t pieces_per_step;
	size_t target_cnt;
};

static void queue_event(void *context, const struct pyfrag_event *event)
{
	struct run *run = context;

	if (++run->event_cnt == run->withheld) {
		run->withheld_type = event->type;
		return;
	}
	assert_int_equal(ARRAY_RESERVE(run->queue, run->capacity, run->tail + 1), 0);
	run->queue[run->tail++] = *event;
}

static void deliver(struct run *run, size_t cnt)
{
	for (; cnt && run->head < run->tail; cnt--)
		assert_int_equal(model__apply(run->model, &run->queue[run->head++]), 0);
}

static void deliver_all(struct run *run)
{
	deliver(run, SIZE_MAX);
	run->head = run->tail = 0;
}

static void take_steps(struct run *run, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++)
		fake_pymalloc__step(&run->target.pymalloc, run->target_cnt);
}

static void start_run(struct run *run, size_t geometry, uint64_t seed)
{
	struct fake_options options =
		fake_target__options(&FAKE_GEOMETRIES[geometry % FAKE_GEOMETRY_CNT],
				     seed % 2 ? FAKE_STATIC : FAKE_INLINED);

	*run = (struct run){.random = seed, .target_cnt = 2000, .pieces_per_step = 1 + seed % 5};
	options.seed = seed;
	options.arena_skew = seed & 4 ? 4096 : 0;
	options.keeps_empty_arena = seed & 2;
	options.steps_per_arena = 500;
	options.plain_data = true;
	options.on_event = queue_event;
	options.context = run;
	fake_target__init(&run->target, &options);
	run->model = make_model(&options.geometry, true);
}

static void end_run(struct run *run)
{
	obmalloc__free(&run->obmalloc);
	model__free(run->model);
	free(run->queue);
	fake_target__release(&run->target);
}

static uint64_t missed(const struct run *run)
{
	return run->model->counts.missed_allocs + run->model->counts.missed_frees;
}

static void test_events_from_the_first_on_give_the_heap(void **state)
{
	uint64_t unmapped = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct fake_pymalloc *fake;
		struct run run;

		start_run(&run, seed, seed);
		fake = &run.target.pymalloc;
		for (int i = 0; i < 5; i++) {
			take_steps(&run, 1500);
			deliver_all(&run);
			check_heap_of(run.model->heap, fake);
		}
		assert_int_equal(missed(&run), 0);
		assert_int_equal(run.model->counts.allocs - run.model->counts.frees,
				 fake->block_cnt);
		assert_int_equal(run.model->counts.new_spans, fake->new_pools);
		assert_int_equal(run.model->counts.spans_freed, fake->pools_freed);
		assert_int_equal(run.model->counts.regions_mapped, fake->arenas_mapped);
		assert_int_equal(run.model->counts.regions_unmapped, fake->arenas_unmapped);
		assert_int_equal(run.model->counts.unplaced_events, 0);
		unmapped += fake->arenas_unmapped;
		end_run(&run);
	}
	assert_true(unmapped > 10);
}

/* The target continues between two pieces that are read, and some of its events arrive. */
static void run_on(void *context, uint64_t address, size_t size)
{
	struct run *run = context;

	(void)address;
	(void)size;
	if (prng__below(&run->random, run->pieces_per_step) == 0)
		take_steps(run, 1);
	if (prng__below(&run->random, 8) == 0)
		deliver(run, prng__below(&run->random, 20));
}

/*
 * Takes a checkpoint as the tracer does: reads while the target runs, applies all pending events,
 * reads pools that differ again. Returns the number of blocks that differ in the end.
 */
static uint64_t take_checkpoint(struct run *run, bool is_first)
{
	static const size_t piece_sizes[] = {48, 200, 1024, 0};
	struct fake_memory *memory = &run->target.memory;
	struct checkpoint_counts counts = {};
	uint64_t drift, pools[64];
	struct heap *fresh;
	size_t pool_cnt;

	deliver(run, prng__below(&run->random, 1000));
	assert_int_equal(model__begin_checkpoint(run->model, false), 0);
	memory->piece_size = piece_sizes[prng__below(&run->random, ARRAY_SIZE(piece_sizes))];
	memory->before_read = run_on;
	memory->context = run;
	assert_int_equal(checkpoint__read(&fresh, &run->obmalloc, &memory->memory, NULL, &counts),
			 0);
	take_steps(run, prng__below(&run->random, 200));
	deliver_all(run);
	model__compare(run->model, fresh, &drift, pools, ARRAY_SIZE(pools), &pool_cnt);
	for (int try = 0; try < 10 && drift && !is_first; try++) {
		assert_int_equal(checkpoint__reread_pools(fresh, &memory->memory, pools, pool_cnt,
							  &counts),
				 0);
		deliver_all(run);
		model__compare(run->model, fresh, &drift, pools, ARRAY_SIZE(pools), &pool_cnt);
	}
	memory->before_read = NULL;
	memory->piece_size = 0;
	assert_int_equal(model__adopt(run->model, fresh, is_first ? 0 : drift), 0);
	return drift;
}

/*
 * Attaches to a target that has been running for a while: events missed before do not count as
 * errors.
 */
static void attach(struct run *run)
{
	take_steps(run, 3000);
	run->head = run->tail = 0; /* nobody has read them */
	run->obmalloc = fake_target__locate(&run->target);
	take_checkpoint(run, true);
	run->model->counts.missed_allocs = run->model->counts.missed_frees = 0;
}

static void test_checkpoint_of_a_running_target_is_exact(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct run run;

		start_run(&run, seed, seed);
		attach(&run);
		check_heap_of(run.model->heap, &run.target.pymalloc);
		for (int i = 0; i < 3; i++) {
			take_steps(&run, prng__below(&run.random, 1000));
			assert_int_equal(take_checkpoint(&run, false), 0);
			check_heap_of(run.model->heap, &run.target.pymalloc);
		}
		assert_int_equal(missed(&run), 0);
		assert_int_equal(run.model->counts.drift_blocks, 0);
		assert_int_equal(run.model->counts.resyncs, 0);
		end_run(&run);
	}
}

/*
 * A change whose event was withheld is detected, by a later event or by a checkpoint: the next one
 * or, if events touched the same block while it was read, the one after. Then the model is correct.
 */
static void test_withheld_event_is_found_out(void **state)
{
	uint32_t by_event = 0, by_checkpoint = 0, arenas = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct model_counts counts;
		struct run run;
		bool is_arena;

		start_run(&run, seed, seed);
		attach(&run);
		run.withheld = run.event_cnt + 1 + prng__below(&run.random, 600);
		take_steps(&run, prng__below(&run.random, 400));
		take_checkpoint(&run, false);
		take_steps(&run, 700);
		assert_true(run.withheld_type);
		take_checkpoint(&run, false);
		take_checkpoint(&run, false);
		counts = run.model->counts;
		is_arena = run.withheld_type == EVENT_ARENA_MAP ||
			   run.withheld_type == EVENT_ARENA_UNMAP;
		assert_int_equal(missed(&run) + counts.drift_blocks, is_arena ? 0 : 1);
		assert_int_equal(counts.resyncs, counts.drift_blocks);
		arenas += is_arena;
		by_event += missed(&run) != 0;
		by_checkpoint += counts.drift_blocks != 0;
		check_heap_of(run.model->heap, &run.target.pymalloc);
		end_run(&run);
	}
	assert_int_equal(by_event + by_checkpoint + arenas, 100);
	assert_true(by_event > 10 && by_checkpoint > 10);
}

/* Applying all events since some moment again does not change the heap. */
static void test_events_replayed_twice_are_harmless(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct run run;

		start_run(&run, seed, seed);
		take_steps(&run, 6000);
		deliver(&run, run.tail);
		check_heap_of(run.model->heap, &run.target.pymalloc);
		run.head = prng__below(&run.random, (uint32_t)run.tail);
		deliver(&run, run.tail);
		check_heap_of(run.model->heap, &run.target.pymalloc);
		run.head = 0;
		deliver(&run, run.tail);
		check_heap_of(run.model->heap, &run.target.pymalloc);
		end_run(&run);
	}
}

/*
 * Events that no allocator sends, in any order, compared with a model that has a byte for each
 * address: arenas at fixed places, mapped or not.
 */
#define ARENAS	    4
#define ARENA_BYTES (256UL << 10)
#define FIRST	    0x7f3b50000000UL
#define UNITS	    (ARENAS * ARENA_BYTES / 16)

struct reference {
	uint8_t live[UNITS];
	uint8_t class[UNITS / 256];
	bool mapped[ARENAS];
	struct model_counts counts;
};

static uint64_t clear_units(struct reference *reference, uint64_t address, uint64_t size)
{
	uint8_t *live = &reference->live[(address - FIRST) / 16];
	uint64_t left = 0;

	for (uint64_t i = 0; i < size / 16; i++) {
		left += live[i];
		live[i] = 0;
	}
	return left;
}

static void expect_alloc(struct reference *reference, uint64_t address)
{
	uint8_t *live = &reference->live[(address - FIRST) / 16];

	reference->counts.allocs++;
	reference->counts.missed_frees += *live;
	*live = 1;
}

static void expect_free(struct reference *reference, uint64_t address)
{
	uint8_t *live = &reference->live[(address - FIRST) / 16];

	reference->counts.frees++;
	reference->counts.missed_allocs += !*live;
	*live = 0;
}

static void send_any_event(struct model *model, struct reference *reference, uint64_t *random)
{
	uint32_t arena = prng__below(random, ARENAS), what = prng__below(random, 1000);
	uint64_t base = FIRST + arena * ARENA_BYTES;
	/* Few places, so that events collide. */
	uint64_t pool = base + prng__below(random, 3) * 4096;
	uint64_t block = pool + 48 + prng__below(random, 5) * 16;
	uint8_t class = (uint8_t)prng__below(random, 32);

	if (what < 400) {
		expect_alloc(reference, block);
		tell(model, EVENT_ALLOC, block);
	} else if (what < 800) {
		expect_free(reference, block);
		tell(model, EVENT_FREE, block);
	} else if (what < 820) {
		reference->counts.spans_freed++;
		reference->counts.missed_frees += clear_units(reference, pool, 4096);
		tell(model, EVENT_POOL_FREED, pool);
	} else if (what < 950) {
		reference->counts.new_spans++;
		reference->counts.missed_frees += clear_units(reference, pool, 4096);
		reference->class[(pool - FIRST) / 4096] = class;
		expect_alloc(reference, block);
		tell_new_pool(model, block, class);
	} else if (what < 970) {
		reference->counts.regions_mapped++;
		reference->mapped[arena] = true;
		clear_units(reference, base, ARENA_BYTES);
		tell(model, EVENT_ARENA_MAP, base);
	} else if (what < 990 && reference->mapped[arena]) {
		reference->counts.regions_unmapped++;
		reference->mapped[arena] = false;
		reference->counts.missed_frees += clear_units(reference, base, ARENA_BYTES);
		tell(model, EVENT_ARENA_UNMAP, base);
	} else if (what >= 990) {
		reference->counts.freelist_clears++;
		tell(model, EVENT_FREELIST_CLEAR, 0);
		tell(model, EVENT_EXEC, block); /* ignored by the model */
		tell(model, EVENT_FORK, 4711);
		tell(model, EVENT_ARENA_MAP, 0); /* mmap() failed */
	}
}

static void test_any_events_against_a_byte_array(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct reference *reference = calloc(1, sizeof(*reference));
	uint64_t random = 99;

	(void)state;
	assert_non_null(reference);
	memset(reference->class, CLASS_UNKNOWN, sizeof(reference->class));
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 2000; i++)
			send_any_event(model, reference, &random);
		for (uint64_t i = 0; i < UNITS; i++)
			assert_int_equal(has_block(model, FIRST + i * 16), reference->live[i]);
		for (uint64_t i = 0; i < UNITS / 256; i++)
			assert_int_equal(block_map__class(model->heap->blocks, FIRST + i * 4096),
					 reference->class[i]);
		for (uint64_t i = 0; i < ARENAS; i++)
			assert_int_equal(heap__find_region(model->heap, FIRST + i * ARENA_BYTES) !=
						 NULL,
					 reference->mapped[i]);
		assert_memory_equal(&model->counts, &reference->counts, sizeof(model->counts));
	}
	free(reference);
	model__free(model);
}

static void test_arena_events_that_fit_nowhere(void **state)
{
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);

	(void)state;
	tell(model, EVENT_ARENA_MAP, FIRST);
	/* Inside another arena, and around its beginning. */
	tell(model, EVENT_ARENA_MAP, FIRST + 4096);
	tell(model, EVENT_ARENA_MAP, FIRST - 4096);
	assert_int_equal(model->counts.unplaced_events, 2);
	assert_int_equal(model->heap->region_cnt, 1);
	tell(model, EVENT_ARENA_UNMAP, FIRST + ARENA_BYTES);
	assert_int_equal(model->counts.unplaced_events, 3);
	assert_int_equal(model->heap->region_cnt, 1);
	/* At the same address: its unmapping was not seen, but must have happened. */
	tell(model, EVENT_ARENA_MAP, FIRST);
	assert_int_equal(model->counts.unplaced_events, 3);
	assert_int_equal(model->heap->region_cnt, 1);
	model__free(model);
}

/*
 * Mode watch: without an event for each block, memory replaces everything, and nothing counts as
 * missed.
 */
static void test_watching_takes_memory_for_it(void **state)
{
	struct fake_options options = fake_target__options(NULL, FAKE_STATIC);
	struct fake_target target;
	struct obmalloc obmalloc;
	struct model *model = make_model(&options.geometry, false);

	(void)state;
	options.steps_per_arena = 500;
	fake_target__init(&target, &options);
	for (int round = 0; round < 5; round++) {
		struct checkpoint_counts counts = {};
		struct heap *fresh;

		for (int i = 0; i < 3000; i++)
			fake_pymalloc__step(&target.pymalloc, 4000);
		obmalloc = fake_target__locate(&target);
		assert_int_equal(model__begin_checkpoint(model, false), 0);
		assert_null(model->touched);
		assert_int_equal(checkpoint__read(&fresh, &obmalloc, &target.memory.memory, NULL,
						  &counts),
				 0);
		assert_int_equal(model__adopt(model, fresh, 0), 0);
		check_heap_of(model->heap, &target.pymalloc);
		obmalloc__free(&obmalloc);
	}
	assert_int_equal(model->counts.resyncs, 0);
	model__free(model);
	fake_target__release(&target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_from_the_first_on_give_the_heap),
		cmocka_unit_test(test_checkpoint_of_a_running_target_is_exact),
		cmocka_unit_test(test_withheld_event_is_found_out),
		cmocka_unit_test(test_events_replayed_twice_are_harmless),
		cmocka_unit_test(test_any_events_against_a_byte_array),
		cmocka_unit_test(test_arena_events_that_fit_nowhere),
		cmocka_unit_test(test_watching_takes_memory_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
