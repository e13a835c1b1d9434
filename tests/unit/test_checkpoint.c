// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_target.h"
#include "prng.h"
#include "pymalloc/pool.h"
#include "unit_test.h"
#include "util/array.h"
#include "util/cleanup.h"

/* A target, and what is known of it before the first checkpoint. */
struct sample {
	struct fake_target target;
	struct obmalloc obmalloc;
	struct checkpoint_counts counts;
	struct heap *heap;
};

static void make_sample(struct sample *sample, const struct fake_options *options, uint32_t steps)
{
	*sample = (struct sample){};
	fake_target__init(&sample->target, options);
	fake_pymalloc__alloc(&sample->target.pymalloc, 16);
	for (uint32_t i = 0; i < steps; i++)
		fake_pymalloc__step(&sample->target.pymalloc, 2 * steps / 3);
	sample->obmalloc = fake_target__locate(&sample->target);
}

static void make_usual_sample(struct sample *sample, uint32_t steps)
{
	struct fake_options options = fake_target__options(NULL, FAKE_STATIC);

	make_sample(sample, &options, steps);
}

static void release_sample(struct sample *sample)
{
	heap__free(sample->heap);
	obmalloc__free(&sample->obmalloc);
	fake_target__release(&sample->target);
}

static int read_with(struct sample *sample, const struct checkpoint_options *options)
{
	heap__free(TAKE_PTR(sample->heap));
	sample->counts = (struct checkpoint_counts){};
	return checkpoint__read(&sample->heap, &sample->obmalloc, &sample->target.memory.memory,
				options, &sample->counts);
}

static void read_heap(struct sample *sample)
{
	assert_int_equal(read_with(sample, NULL), 0);
}

static void check_counts(const struct sample *sample, uint64_t retried, uint64_t unresolved,
			 uint64_t unreadable)
{
	assert_int_equal(sample->counts.retried_spans, retried);
	assert_int_equal(sample->counts.unresolved_spans, unresolved);
	assert_int_equal(sample->counts.unreadable_spans, unreadable);
	assert_int_equal(sample->counts.skipped_interpreters, 0);
}

/* A pool that has both a live and a free block. */
static uint64_t find_partial_pool(const struct sample *sample)
{
	const struct fake_pymalloc *fake = &sample->target.pymalloc;

	for (size_t i = 0; i < fake->block_cnt; i++) {
		uint64_t pool = fake->blocks[i].address / fake->geometry.pool_size *
				fake->geometry.pool_size;
		const struct pool_header *header = fake_pymalloc__pool(fake, pool);

		if (header->freeblock && header->count > 1)
			return pool;
	}
	fail();
	return 0;
}

/*
 * Removes the blocks in [address, address + size) from the ground truth, because that memory is not
 * read any more.
 */
static void drop_from_truth(struct fake_pymalloc *fake, uint64_t address, uint64_t size)
{
	for (size_t i = fake->block_cnt; i-- > 0;)
		if (fake->blocks[i].address - address < size)
			fake->blocks[i] = fake->blocks[--fake->block_cnt];
}

static void test_idle_heap_is_read_exactly(void **state)
{
	static const uint32_t steps[] = {0, 10, 1000, 30000};

	(void)state;
	for (size_t g = 0; g < FAKE_GEOMETRY_CNT; g++)
		for (size_t i = 0; i < 2 * ARRAY_SIZE(steps); i++) {
			struct fake_options options =
				fake_target__options(&FAKE_GEOMETRIES[g],
						     i % 2 ? FAKE_STATIC : FAKE_INLINED);
			struct sample sample;

			options.seed = i + 1;
			options.arena_skew = i & 2 ? 4096 : 0;
			options.keeps_empty_arena = i & 4;
			options.steps_per_arena = 2000;
			make_sample(&sample, &options, steps[i / 2]);
			read_heap(&sample);
			check_heap_of(sample.heap, &sample.target.pymalloc);
			check_counts(&sample, 0, 0, 0);
			release_sample(&sample);
		}
}

/*
 * More pools than fit into a batch (4096), each partly free: more bytes than are copied at a time.
 */
static void make_many_pools(struct sample *sample)
{
	struct fake_options options = fake_target__options(&FAKE_GEOMETRIES[1], FAKE_STATIC);
	struct fake_pymalloc *fake = &sample->target.pymalloc;

	*sample = (struct sample){};
	fake_target__init(&sample->target, &options);
	for (uint32_t i = 0; i < 7 * 9000; i++)
		fake_pymalloc__alloc(fake, 512);
	for (size_t i = fake->block_cnt; i-- > 7;)
		if (i % 7 == 3)
			fake_pymalloc__free_at(fake, i);
	sample->obmalloc = fake_target__locate(&sample->target);
}

static void test_heap_of_many_batches(void **state)
{
	struct sample sample;

	(void)state;
	make_many_pools(&sample);
	read_heap(&sample);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	check_counts(&sample, 0, 0, 0);
	release_sample(&sample);
}

/* Restores a word of memory after it was read wrong a given number of times. */
struct repair {
	struct fake_memory *memory;
	uint64_t at, value;
	uint64_t pool; /* of which the reads are counted */
	uint32_t reads_left, reads;
};

static void repair_after_reads(void *context, uint64_t address, size_t size)
{
	struct repair *repair = context;

	(void)size;
	if (address != repair->pool)
		return;
	repair->reads++;
	if (repair->reads_left && !--repair->reads_left)
		*fake_memory__word(repair->memory, repair->at) = repair->value;
}

/* Corrupts the word at @offset of a pool until the pool has been read @reads times. */
static void break_pool(struct sample *sample, struct repair *repair, uint64_t offset,
		       uint64_t value, uint32_t reads)
{
	uint64_t pool = find_partial_pool(sample);
	uint64_t *word = fake_memory__word(&sample->target.memory, pool + offset);

	*repair = (struct repair){.memory = &sample->target.memory,
				  .at = pool + offset,
				  .value = *word,
				  .pool = pool,
				  .reads_left = reads};
	*word = value;
	sample->target.memory.before_read = repair_after_reads;
	sample->target.memory.context = repair;
}

/* Header words that contradict the rest, as a reader sees them during a change. */
static const struct {
	uint64_t offset, value;
} WRONG_WORDS[] = {
	{offsetof(struct pool_header, count), 1 << 20},
	{offsetof(struct pool_header, freeblock), 0},
	{offsetof(struct pool_header, freeblock), 1},
	{offsetof(struct pool_header, arenaindex), 0xffffUL << 32}, /* and szidx */
	{offsetof(struct pool_header, nextoffset), 0},		    /* and maxnextoffset */
};

static void test_torn_pool_is_read_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(WRONG_WORDS); i++)
		/* Reads of the header alone, of the carved part, then retries. */
		for (uint32_t reads = 3; reads < 10; reads += 2) {
			struct sample sample;
			struct repair repair;

			make_usual_sample(&sample, 3000);
			break_pool(&sample, &repair, WRONG_WORDS[i].offset, WRONG_WORDS[i].value,
				   reads);
			read_heap(&sample);
			assert_int_equal(repair.reads_left, 0);
			check_heap_of(sample.heap, &sample.target.pymalloc);
			check_counts(&sample, 1, 0, 0);
			release_sample(&sample);
		}
}

/* The pool is given up in the end, and counted; all others are read correctly. */
static void test_pool_that_stays_torn_is_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(WRONG_WORDS); i++) {
		struct sample sample;
		struct repair repair;
		struct fake_pymalloc *fake = &sample.target.pymalloc;
		uint64_t pool;

		make_usual_sample(&sample, 3000);
		break_pool(&sample, &repair, WRONG_WORDS[i].offset, WRONG_WORDS[i].value, 0);
		read_heap(&sample);
		check_counts(&sample, 1, 1, 0);
		assert_in_range(repair.reads, 3, 100);
		/* All blocks except those of this pool are correct. */
		pool = repair.pool;
		block_map__remove_range(sample.heap->blocks, pool, fake->geometry.pool_size);
		drop_from_truth(fake, pool, fake->geometry.pool_size);
		check_heap_of(sample.heap, fake);
		release_sample(&sample);
	}
}

/* Of a torn pool, what its free list contains is free, and the other blocks are live. */
static void test_torn_pool_is_taken_as_far_as_it_makes_sense(void **state)
{
	struct sample sample;
	struct repair repair;

	(void)state;
	make_usual_sample(&sample, 3000);
	/* One more than exist: the free list is correct. */
	break_pool(&sample, &repair, 0, 0, 0);
	*fake_memory__word(&sample.target.memory, repair.pool) = repair.value + 1;
	read_heap(&sample);
	check_counts(&sample, 1, 1, 0);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	release_sample(&sample);
}

/*
 * A live block contains what its user wrote; a free block after the torn link is found again later.
 */
static void test_link_overwritten_for_a_moment(void **state)
{
	struct sample sample;
	struct repair repair;
	uint64_t pool;

	(void)state;
	make_usual_sample(&sample, 3000);
	pool = find_partial_pool(&sample);
	break_pool(&sample, &repair,
		   fake_pymalloc__pool(&sample.target.pymalloc, pool)->freeblock - pool, 0xdead, 4);
	read_heap(&sample);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	check_counts(&sample, 1, 0, 0);
	release_sample(&sample);
}

static void test_holes_are_counted(void **state)
{
	(void)state;
	for (uint64_t pools = 1; pools < 6; pools += 2) {
		struct sample sample;
		struct fake_pymalloc *fake = &sample.target.pymalloc;
		uint64_t pool_size, hole, size;

		make_usual_sample(&sample, 20000);
		pool_size = fake->geometry.pool_size;
		/* Not an arena's first pool, which confirms the arena. */
		hole = fake->arenas[0] + 3 * pool_size;
		size = pools * pool_size;
		assert_true(fake_pymalloc__slot(fake, 0)->pool_address >= hole + size);
		fake_memory__punch_hole(&sample.target.memory, hole, size);
		drop_from_truth(fake, hole, size);
		read_heap(&sample);
		check_counts(&sample, 0, 0, pools);
		check_heap_of(sample.heap, fake);
		release_sample(&sample);
	}
}

/* The header is mapped, the memory after it is not. */
static void test_hole_behind_a_header(void **state)
{
	struct sample sample;
	struct fake_pymalloc *fake = &sample.target.pymalloc;
	uint64_t pool, carved = 0;

	(void)state;
	make_usual_sample(&sample, 20000);
	for (pool = fake->arenas[0] + fake->geometry.pool_size; carved <= 4096;
	     pool += fake->geometry.pool_size) {
		const struct pool_header *header = fake_pymalloc__pool(fake, pool);

		carved = header->count && header->freeblock ? header->nextoffset : 0;
	}
	pool -= fake->geometry.pool_size;
	fake_memory__punch_hole(&sample.target.memory, pool + 4096, 4096);
	drop_from_truth(fake, pool, fake->geometry.pool_size);
	read_heap(&sample);
	check_counts(&sample, 0, 0, 1);
	check_heap_of(sample.heap, fake);
	release_sample(&sample);
}

static struct heap_totals totals_of(const struct heap *heap)
{
	struct heap_measure measure;

	struct heap_totals totals;

	assert_int_equal(heap__measure(heap, &measure), 0);
	totals = measure.totals;
	heap_measure__free(&measure);
	return totals;
}

/*
 * Pools of which something is needed that is swapped out are left out: of partly used ones all that
 * was carved, of others the header. All other pools are read.
 */
static void test_swapped_pools_are_not_read(void **state)
{
	struct sample sample;
	struct fake_pymalloc *fake = &sample.target.pymalloc;
	struct heap_totals whole, totals;
	uint64_t pool, pool_size;

	(void)state;
	make_usual_sample(&sample, 20000);
	pool_size = fake->geometry.pool_size;
	pool = find_partial_pool(&sample);
	read_heap(&sample);
	whole = totals_of(sample.heap);
	for (uint64_t offset = 0; offset <= POOL_HEADER_BYTES; offset += POOL_HEADER_BYTES) {
		sample.target.memory.swapped_cnt = 0;
		fake_memory__swap_out(&sample.target.memory, pool + offset, 1);
		sample.target.memory.memory.reads_swapped = false;
		read_heap(&sample);
		totals = totals_of(sample.heap);
		check_counts(&sample, 0, 0, 0);
		assert_int_equal(totals.unread_spans, 1);
		assert_int_equal(totals.unread_bytes, pool_size);
		assert_int_equal(totals.region_bytes, whole.region_bytes);
		assert_int_equal(totals.live_bytes + totals.free_block_bytes +
					 totals.free_span_bytes + totals.overhead_bytes +
					 totals.unread_bytes,
				 whole.region_bytes);
		assert_int_equal(totals.free_span_bytes, whole.free_span_bytes);
		sample.target.memory.memory.reads_swapped = true;
		read_heap(&sample);
		check_heap_of(sample.heap, fake);
	}
	sample.target.memory.memory.reads_swapped = false;
	drop_from_truth(fake, pool, pool_size);
	read_heap(&sample);
	assert_int_equal(count_all_bits(sample.heap->blocks), fake->block_cnt);
	release_sample(&sample);
}

/* What was known of a pool is not known any more once it is swapped out, until it is read again. */
static void test_pool_that_is_swapped_out_between_readings(void **state)
{
	const struct checkpoint_options options = {.keep_stamps = true};
	struct sample sample;
	struct fake_pymalloc *fake = &sample.target.pymalloc;
	struct memory *memory = &sample.target.memory.memory;
	uint64_t unread[] = {0, 1, 0};

	(void)state;
	make_usual_sample(&sample, 20000);
	fake_memory__swap_out(&sample.target.memory, find_partial_pool(&sample), 1);
	memory->reads_swapped = true;
	assert_int_equal(read_with(&sample, &options), 0);
	for (size_t i = 0; i < ARRAY_SIZE(unread); i++) {
		memory->reads_swapped = !unread[i];
		assert_int_equal(checkpoint__update(sample.heap, &sample.obmalloc, memory, &options,
						    &sample.counts),
				 0);
		assert_int_equal(totals_of(sample.heap).unread_spans, unread[i]);
	}
	check_heap_of(sample.heap, fake);
	release_sample(&sample);
}

/* Does something once, when the first pool's body is copied: the headers have been read by then. */
struct interruption {
	struct sample *sample;
	void (*change)(struct sample *sample);
	bool done;
};

static void interrupt(void *context, uint64_t address, size_t size)
{
	struct interruption *interruption = context;

	(void)address;
	if (interruption->done || size <= sizeof(struct pool_header) ||
	    address < interruption->sample->target.pymalloc.next_arena)
		return;
	interruption->done = true;
	interruption->change(interruption->sample);
}

static void read_interrupted(struct sample *sample, void (*change)(struct sample *sample))
{
	struct interruption interruption = {.sample = sample, .change = change};

	sample->target.memory.before_read = interrupt;
	sample->target.memory.context = &interruption;
	read_heap(sample);
	assert_true(interruption.done);
}

static void free_arenas(struct sample *sample)
{
	struct fake_pymalloc *fake = &sample->target.pymalloc;

	fake_pymalloc__free_arena(fake, fake->arenas[1]);
	fake_pymalloc__free_arena(fake, fake->arenas[1]);
}

static void test_arenas_that_vanish_meanwhile_are_dropped(void **state)
{
	struct sample sample;
	size_t before;

	(void)state;
	make_usual_sample(&sample, 40000);
	before = sample.target.pymalloc.arena_cnt;
	read_interrupted(&sample, free_arenas);
	assert_int_equal(sample.target.pymalloc.arena_cnt, before - 2);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	release_sample(&sample);
}

/*
 * Allocates blocks of a class that has no pool yet: all of them go to pools that were never used.
 */
static void alloc_arenas(struct sample *sample)
{
	for (int i = 0; i < 10000; i++)
		fake_pymalloc__alloc(&sample->target.pymalloc, 512);
}

static void test_arenas_and_pools_that_come_meanwhile_are_read_too(void **state)
{
	struct sample sample;
	struct fake_pymalloc *fake = &sample.target.pymalloc;
	size_t before;

	(void)state;
	make_usual_sample(&sample, 0);
	for (int i = 0; i < 40000; i++)
		fake_pymalloc__alloc(fake, 1 + (uint32_t)i % 300);
	before = fake->arena_cnt;
	read_interrupted(&sample, alloc_arenas);
	assert_true(fake->arena_cnt > before + 3);
	check_heap_of(sample.heap, fake);
	check_counts(&sample, 0, 0, 0);
	release_sample(&sample);
}

/*
 * The promise of checkpoint.h: however the target runs meanwhile, and however torn the copies are,
 * a block that did not change is reported correctly. The only exception: users who store links to
 * other blocks of the pool in the first word of theirs can, once in many thousand copies, make a
 * torn copy look consistent.
 */
struct run {
	struct fake_target *target;
	struct block_map *touched;
	uint32_t pieces_per_step, pieces;
	size_t target_cnt;
};

static void note_touched(void *context, const struct pyfrag_event *event)
{
	struct run *run = context;
	bool before;

	if (run->touched && (event->type == EVENT_ALLOC || event->type == EVENT_FREE ||
			     event->type == EVENT_NEW_POOL))
		assert_int_equal(block_map__insert(run->touched, event->address, &before), 0);
}

static void run_on(void *context, uint64_t address, size_t size)
{
	struct run *run = context;

	(void)address;
	(void)size;
	if (++run->pieces % run->pieces_per_step == 0)
		fake_pymalloc__step(&run->target->pymalloc, run->target_cnt);
}

static uint64_t count_new_blocks(const struct heap *heap, const struct block_map *known)
{
	const struct block_map_chunk *chunk;
	uint64_t cnt = 0;

	for (size_t i = 0; (chunk = block_map__chunk_at(heap->blocks, i)); i++) {
		const struct block_map_chunk *other = block_map__chunk(known, chunk->address);

		for (size_t w = 0; w < block_map__words_per_chunk(known); w++)
			cnt += (uint64_t)__builtin_popcountll(chunk->bits[w] &
							      ~(other ? other->bits[w] : 0));
	}
	return cnt;
}

static void check_untouched(const struct sample *sample, const struct run *run,
			    const struct fake_block *before, size_t before_cnt)
{
	struct block_map *known = run->touched;

	for (size_t i = 0; i < before_cnt; i++) {
		bool was_live;

		if (!block_map__contains(run->touched, before[i].address) &&
		    !block_map__contains(sample->heap->blocks, before[i].address))
			fail_msg("block %#lx was live all the time", before[i].address);
		assert_int_equal(block_map__insert(known, before[i].address, &was_live), 0);
	}
	/* Blocks that were neither live before nor touched are not in the heap. */
	assert_int_equal(count_new_blocks(sample->heap, known), 0);
}

static void read_while_running(const struct geometry *geometry, enum fake_layout layout,
			       size_t piece_size, uint32_t pieces_per_step, uint64_t seed,
			       struct checkpoint_counts *sum)
{
	struct fake_options options = fake_target__options(geometry, layout);
	struct run run = {.pieces_per_step = pieces_per_step, .target_cnt = 8000};
	struct fake_block *before;
	struct sample sample;
	size_t before_cnt;

	options.seed = seed;
	options.steps_per_arena = seed % 3 ? 1000 : 0;
	options.plain_data = true;
	options.on_event = note_touched;
	options.context = &run;
	make_sample(&sample, &options, 12000);
	run.target = &sample.target;
	before_cnt = sample.target.pymalloc.block_cnt;
	before = calloc(before_cnt, sizeof(*before));
	assert_non_null(before);
	memcpy(before, sample.target.pymalloc.blocks, before_cnt * sizeof(*before));
	assert_int_equal(block_map__new(&run.touched, &LAYOUT_OF(geometry)->map, NULL), 0);
	sample.target.memory.piece_size = piece_size;
	sample.target.memory.before_read = run_on;
	sample.target.memory.context = &run;
	read_heap(&sample);
	check_untouched(&sample, &run, before, before_cnt);
	sum->retried_spans += sample.counts.retried_spans;
	sum->unreadable_spans += sample.counts.unreadable_spans;
	block_map__free(run.touched);
	free(before);
	release_sample(&sample);
}

static void test_blocks_that_do_not_change_are_as_they_are(void **state)
{
	static const size_t pieces[] = {48, 256, 1000, 4096};
	struct checkpoint_counts sum = {};

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		read_while_running(&FAKE_GEOMETRIES[seed % FAKE_GEOMETRY_CNT],
				   seed & 4 ? FAKE_STATIC : FAKE_INLINED,
				   pieces[seed % ARRAY_SIZE(pieces)], 1 + seed % 7, seed, &sum);
	/* The test was hard enough: many copies were torn. */
	assert_true(sum.retried_spans > 100);
}

/* Reads with an account of its own, which must be empty when the heap is released. */
static int read_within(struct sample *sample, uint64_t limit_bytes, uint64_t refuse_nth,
		       struct account_usage *usage)
{
	const struct checkpoint_options options = {};
	struct account *account;
	int err;

	assert_int_equal(account__new(&account, limit_bytes, NULL), 0);
	account__refuse_nth(account, refuse_nth);
	sample->target.memory.memory.account = account;
	err = read_with(sample, &options);
	*usage = account__usage(account);
	account__refuse_nth(account, 0);
	if (!err)
		check_heap_of(sample->heap, &sample->target.pymalloc);
	else
		assert_null(sample->heap);
	heap__free(TAKE_PTR(sample->heap));
	assert_int_equal(account__usage(account).used_bytes, 0);
	account__close(account);
	sample->target.memory.memory.account = NULL;
	return err;
}

static void test_memory_cap(void **state)
{
	uint64_t low = 0, high = 1UL << 30;
	struct account_usage usage;
	struct sample sample;

	(void)state;
	make_usual_sample(&sample, 40000);
	assert_true(sample.target.pymalloc.arena_cnt > 3);
	/* The smallest sufficient limit. */
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		int err = read_within(&sample, middle, 0, &usage);

		assert_true(!err || err == -EDQUOT);
		assert_true(usage.peak_bytes <= middle);
		assert_int_equal(usage.refused != 0, err != 0);
		if (err)
			low = middle;
		else
			high = middle;
	}
	/* It is at most 2 % of the memory read. */
	assert_true(high * 50 <= sample.target.pymalloc.arena_cnt << 20);
	release_sample(&sample);
}

/* Whichever allocation is refused, the reading fails with that error and leaks nothing. */
static void test_every_refusal_is_survived(void **state)
{
	struct account_usage usage;
	struct sample sample;
	uint64_t nth = 1;

	(void)state;
	make_usual_sample(&sample, 3000);
	while (read_within(&sample, UINT64_MAX, nth, &usage) == -EDQUOT) {
		assert_int_equal(usage.refused, 1);
		nth++;
	}
	assert_int_equal(usage.refused, 0);
	assert_true(nth > 8);
	release_sample(&sample);
}

/* An arena that is mapped while the heap image is made counts, too. */
static void test_memory_cap_holds_for_what_comes_later(void **state)
{
	struct interruption interruption = {.change = alloc_arenas};
	struct account_usage usage;
	uint64_t limit_bytes = 0;
	struct sample sample;

	(void)state;
	make_usual_sample(&sample, 3000);
	interruption.sample = &sample;
	do {
		limit_bytes += 1024;
	} while (read_within(&sample, limit_bytes, 0, &usage) == -EDQUOT);
	sample.target.memory.before_read = interrupt;
	sample.target.memory.context = &interruption;
	assert_int_equal(read_within(&sample, limit_bytes, 0, &usage), -EDQUOT);
	assert_true(interruption.done);
	release_sample(&sample);
}

struct progress {
	uint32_t calls, stop_at;
	int result;
	uint64_t last_done;
};

static int note_progress(uint64_t done_bytes, uint64_t total_bytes, void *context)
{
	struct progress *progress = context;

	assert_true(done_bytes > progress->last_done);
	assert_true(done_bytes <= total_bytes);
	progress->last_done = done_bytes;
	return ++progress->calls == progress->stop_at ? progress->result : 0;
}

static void test_progress_is_told_and_can_end_it(void **state)
{
	struct progress progress = {};
	struct checkpoint_options options = {.progress = note_progress, .context = &progress};
	struct sample sample;
	uint32_t calls;

	(void)state;
	make_many_pools(&sample);
	assert_int_equal(read_with(&sample, &options), 0);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	calls = progress.calls;
	assert_true(calls >= 3);
	assert_int_equal(progress.last_done, 9000 * 4096);
	for (uint32_t stop_at = 1; stop_at <= calls; stop_at++) {
		progress = (struct progress){.stop_at = stop_at,
					     .result = stop_at % 2 ? -ECANCELED : 17};
		assert_int_equal(read_with(&sample, &options), progress.result);
		assert_int_equal(progress.calls, stop_at);
		assert_null(sample.heap);
	}
	release_sample(&sample);
}

/* The process exits after a given number of pieces. */
struct death {
	struct fake_memory *memory;
	uint32_t pieces_left;
};

static void die_after_pieces(void *context, uint64_t address, size_t size)
{
	struct death *death = context;

	(void)address;
	(void)size;
	if (death->pieces_left && !--death->pieces_left)
		death->memory->error = -ESRCH;
}

static void test_process_that_exits_meanwhile(void **state)
{
	struct sample sample;
	uint32_t failures = 0;

	(void)state;
	make_usual_sample(&sample, 3000);
	for (uint32_t pieces = 1;; pieces += 3) {
		struct death death = {.memory = &sample.target.memory, .pieces_left = pieces};
		int err;

		sample.target.memory.error = 0;
		sample.target.memory.before_read = die_after_pieces;
		sample.target.memory.context = &death;
		err = read_with(&sample, NULL);
		if (!err)
			break;
		failures++;
		assert_int_equal(err, -ESRCH);
		assert_null(sample.heap);
	}
	assert_true(failures > 10);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	release_sample(&sample);
}

/* Some pools, and only these, are read again. */
static void test_reread(void **state)
{
	struct sample sample;
	struct fake_pymalloc *fake = &sample.target.pymalloc;
	struct checkpoint_counts counts = {};
	uint64_t *pools = NULL;
	size_t pool_cnt = 0, capacity = 0;

	(void)state;
	make_usual_sample(&sample, 5000);
	read_heap(&sample);
	for (int i = 0; i < 300; i++)
		fake_pymalloc__free_at(fake, (size_t)i * 7 % fake->block_cnt);
	for (uint32_t a = 0; a < fake->maxarenas; a++) {
		const struct arena_object *slot = fake_pymalloc__slot(fake, a);

		for (uint64_t pool = slot->address; slot->address && pool < slot->pool_address;
		     pool += fake->geometry.pool_size) {
			assert_int_equal(ARRAY_RESERVE(pools, capacity, pool_cnt + 1), 0);
			pools[pool_cnt++] = pool;
		}
	}
	for (size_t i = 0; i < pool_cnt; i++) {
		uint64_t next = pools[(i + 1) % pool_cnt], live[POOL_WORDS_MAX];
		size_t bytes = pool__word_cnt(&fake->geometry) * sizeof(*live);

		/* Reading this pool does not affect the next one. */
		memcpy(live, block_map__span_bits(sample.heap->blocks, next), bytes);
		assert_int_equal(checkpoint__reread_pools(sample.heap, &sample.target.memory.memory,
							  &pools[i], 1, &counts),
				 0);
		assert_memory_equal(live, block_map__span_bits(sample.heap->blocks, next), bytes);
	}
	check_heap_of(sample.heap, fake);
	/* Reading all at once gives the same. */
	read_heap(&sample);
	for (int i = 0; i < 300; i++)
		fake_pymalloc__free_at(fake, (size_t)i * 7 % fake->block_cnt);
	assert_int_equal(checkpoint__reread_pools(sample.heap, &sample.target.memory.memory, pools,
						  pool_cnt, &counts),
			 0);
	check_heap_of(sample.heap, fake);
	assert_int_equal(counts.retried_spans + counts.unresolved_spans + counts.unreadable_spans,
			 0);
	free(pools);
	release_sample(&sample);
}

static void test_reread_leaves_alone_what_is_not_there(void **state)
{
	struct sample sample;
	struct checkpoint_counts counts = {};
	uint64_t pool;

	(void)state;
	make_usual_sample(&sample, 5000);
	read_heap(&sample);
	pool = find_partial_pool(&sample);
	fake_memory__punch_hole(&sample.target.memory, pool, 16384);
	assert_int_equal(checkpoint__reread_pools(sample.heap, &sample.target.memory.memory, &pool,
						  1, &counts),
			 0);
	assert_int_equal(counts.unreadable_spans, 1);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	sample.target.memory.error = -ESRCH;
	assert_int_equal(checkpoint__reread_pools(sample.heap, &sample.target.memory.memory, &pool,
						  1, &counts),
			 -ESRCH);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	release_sample(&sample);
}

/* A consistent copy is not replaced by a torn one, in which free blocks look live. */
static void test_reread_leaves_alone_what_stays_torn(void **state)
{
	struct sample sample;
	struct repair repair;
	struct checkpoint_counts counts = {};

	(void)state;
	make_usual_sample(&sample, 5000);
	read_heap(&sample);
	/* The header is valid, but its free list is empty: there are too few live blocks. */
	break_pool(&sample, &repair, offsetof(struct pool_header, freeblock), 0, 0);
	assert_int_equal(checkpoint__reread_pools(sample.heap, &sample.target.memory.memory,
						  &repair.pool, 1, &counts),
			 0);
	assert_int_equal(counts.retried_spans, 1);
	assert_int_equal(counts.unresolved_spans, 1);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	release_sample(&sample);
}

/* The memory is mapped, but is no longer an arena: an interpreter has ended and left it behind. */
static void test_reread_of_no_arena(void **state)
{
	struct sample sample;
	struct checkpoint_counts counts = {};
	uint64_t pool;

	(void)state;
	make_usual_sample(&sample, 5000);
	read_heap(&sample);
	pool = find_partial_pool(&sample);
	assert_int_equal(heap__remove_region(sample.heap,
					     heap__region_around(sample.heap, pool)->address),
			 0);
	assert_int_equal(checkpoint__reread_pools(sample.heap, &sample.target.memory.memory, &pool,
						  1, &counts),
			 0);
	assert_int_equal(block_map__count(sample.heap->blocks, pool, sample.heap->layout.span_size),
			 0);
	release_sample(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_heap_is_read_exactly),
		cmocka_unit_test(test_heap_of_many_batches),
		cmocka_unit_test(test_torn_pool_is_read_again),
		cmocka_unit_test(test_pool_that_stays_torn_is_counted),
		cmocka_unit_test(test_torn_pool_is_taken_as_far_as_it_makes_sense),
		cmocka_unit_test(test_link_overwritten_for_a_moment),
		cmocka_unit_test(test_holes_are_counted),
		cmocka_unit_test(test_hole_behind_a_header),
		cmocka_unit_test(test_swapped_pools_are_not_read),
		cmocka_unit_test(test_pool_that_is_swapped_out_between_readings),
		cmocka_unit_test(test_arenas_that_vanish_meanwhile_are_dropped),
		cmocka_unit_test(test_arenas_and_pools_that_come_meanwhile_are_read_too),
		cmocka_unit_test(test_blocks_that_do_not_change_are_as_they_are),
		cmocka_unit_test(test_memory_cap),
		cmocka_unit_test(test_every_refusal_is_survived),
		cmocka_unit_test(test_memory_cap_holds_for_what_comes_later),
		cmocka_unit_test(test_progress_is_told_and_can_end_it),
		cmocka_unit_test(test_process_that_exits_meanwhile),
		cmocka_unit_test(test_reread),
		cmocka_unit_test(test_reread_leaves_alone_what_is_not_there),
		cmocka_unit_test(test_reread_leaves_alone_what_stays_torn),
		cmocka_unit_test(test_reread_of_no_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
