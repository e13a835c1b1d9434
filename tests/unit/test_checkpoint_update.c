// SPDX-License-Identifier: BSD-2-Clause
/*
 * Updates of heap images: everything that pool headers contain is correct at once, and every block
 * after the promised number of readings; unchanged pools are not read.
 */
#include "pymalloc/checkpoint.h"

#include <string.h>

#include "fake_target.h"
#include "pymalloc/pool.h"
#include "unit_test.h"
#include "util/cleanup.h"

struct sample {
	struct fake_target target;
	struct obmalloc obmalloc;
	struct checkpoint_counts counts; /* of the last update */
	struct heap *heap;
	uint64_t body_bytes; /* bytes of pools, without their headers, that the last update read */
};

static void note_read(void *context, uint64_t address, size_t size)
{
	struct sample *sample = context;

	if (size > POOL_HEADER_BYTES && heap__region_around(sample->heap, address))
		sample->body_bytes += size;
}

static void make_sample(struct sample *sample, size_t geometry, uint64_t seed)
{
	struct fake_options options =
		fake_target__options(&FAKE_GEOMETRIES[geometry % FAKE_GEOMETRY_CNT], FAKE_STATIC);

	*sample = (struct sample){};
	options.seed = seed;
	options.steps_per_arena = 400;
	options.keeps_empty_arena = seed & 1;
	fake_target__init(&sample->target, &options);
	fake_pymalloc__alloc(&sample->target.pymalloc, 16);
	for (uint32_t i = 0; i < 6000; i++)
		fake_pymalloc__step(&sample->target.pymalloc, 4000);
	sample->obmalloc = fake_target__locate(&sample->target);
	assert_int_equal(heap__new(&sample->heap, LAYOUT_OF(&sample->obmalloc.geometry), NULL), 0);
	sample->target.memory.before_read = note_read;
	sample->target.memory.context = sample;
}

static void release_sample(struct sample *sample)
{
	heap__free(sample->heap);
	obmalloc__free(&sample->obmalloc);
	fake_target__release(&sample->target);
}

static void update_sparing(struct sample *sample, bool spare_calm)
{
	const struct checkpoint_options options = {.keep_stamps = true, .spare_calm = spare_calm};

	sample->counts = (struct checkpoint_counts){};
	sample->body_bytes = 0;
	assert_int_equal(checkpoint__update(sample->heap, &sample->obmalloc,
					    &sample->target.memory.memory, &options,
					    &sample->counts),
			 0);
	assert_int_equal(sample->counts.retried_spans, 0);
	assert_int_equal(sample->counts.unreadable_spans, 0);
}

static void update(struct sample *sample)
{
	update_sparing(sample, false);
}

/* Checks what the headers determine: every number of a report except the addresses of blocks. */
static void check_totals(const struct sample *sample)
{
	struct fake_totals truth = {};
	struct heap_measure measure;

	fake_pymalloc__add_totals(&sample->target.pymalloc, &truth);
	assert_int_equal(heap__measure(sample->heap, &measure), 0);
	assert_int_equal(measure.totals.regions, truth.arenas);
	assert_int_equal(measure.totals.region_bytes, truth.arena_bytes);
	assert_int_equal(measure.totals.live_blocks, truth.live_blocks);
	assert_int_equal(measure.totals.live_bytes, truth.live_bytes);
	assert_int_equal(measure.totals.free_block_bytes, truth.free_block_bytes);
	assert_int_equal(measure.totals.free_span_bytes, truth.free_pool_bytes);
	assert_int_equal(measure.totals.overhead_bytes, truth.overhead_bytes);
	for (uint32_t i = 0; i < measure.class_cnt; i++) {
		assert_int_equal(measure.classes[i].spans, truth.classes[i].pools);
		assert_int_equal(measure.classes[i].live_blocks, truth.classes[i].live_blocks);
	}
	heap_measure__free(&measure);
}

static void test_a_running_target_is_kept_up_with(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 12; seed++) {
		struct sample sample;

		make_sample(&sample, seed, seed);
		for (int round = 0; round < 20; round++) {
			update(&sample);
			check_totals(&sample);
			for (int i = 0; i < 10 + 50 * (round % 5); i++)
				fake_pymalloc__step(&sample.target.pymalloc, 4000);
		}
		/* Blocks that changed without a trace in the headers are found. */
		for (int round = 0; round < SCRUB_READINGS; round++)
			update(&sample);
		check_heap_of(sample.heap, &sample.target.pymalloc);
		release_sample(&sample);
	}
}

/* Most readings skip arenas in which nothing changes; a change there is seen a little later. */
static void test_calm_arenas_are_spared(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++) {
		uint64_t calm_spans = 0;
		struct sample sample;

		make_sample(&sample, seed, seed);
		/*
		 * The first reading has nothing to compare with, so one more than that many reads
		 * everything.
		 */
		for (int reading = 0; reading < CALM_READINGS; reading++) {
			update_sparing(&sample, true);
			assert_int_equal(sample.counts.calm_spans, 0);
		}
		for (int round = 0; round < 10; round++) {
			for (int reading = 0; reading < CALM_READINGS + CALM_SHARE; reading++) {
				update_sparing(&sample, true);
				calm_spans += sample.counts.calm_spans;
			}
			for (int i = 0; i < 20; i++)
				fake_pymalloc__step(&sample.target.pymalloc, 4000);
			for (int reading = 0; reading < CALM_SHARE; reading++)
				update_sparing(&sample, true);
			check_totals(&sample);
		}
		assert_true(calm_spans > 0);
		/* A complete reading sees the change at once. */
		for (int reading = 0; reading < 2 * CALM_READINGS; reading++)
			update_sparing(&sample, true);
		for (int i = 0; i < 20; i++)
			fake_pymalloc__step(&sample.target.pymalloc, 4000);
		update(&sample);
		assert_int_equal(sample.counts.calm_spans, 0);
		check_totals(&sample);
		release_sample(&sample);
	}
}

static void test_what_did_not_change_is_not_read(void **state)
{
	struct sample sample;
	uint64_t first_bytes, bytes = 0, scrubbed = 0;

	(void)state;
	make_sample(&sample, 2, 3);
	update(&sample);
	/* From here on the arenas are known, and the bytes read of them are counted. */
	for (size_t i = 0; i < sample.heap->region_cnt; i++)
		heap__forget_stamps(sample.heap, &sample.heap->regions[i]);
	update(&sample);
	first_bytes = sample.body_bytes;
	assert_true(first_bytes > 10000);
	assert_int_equal(sample.counts.unchanged_spans + sample.counts.scrubbed_spans, 0);
	for (int round = 0; round < SCRUB_READINGS; round++) {
		update(&sample);
		check_heap_of(sample.heap, &sample.target.pymalloc);
		bytes += sample.body_bytes;
		scrubbed += sample.counts.scrubbed_spans;
		assert_true(sample.counts.unchanged_spans > sample.counts.scrubbed_spans);
		assert_int_equal(sample.counts.corrected_spans, 0);
	}
	/* Each of them once. */
	assert_int_equal(bytes, first_bytes);
	assert_int_equal(scrubbed, sample.counts.unchanged_spans + sample.counts.scrubbed_spans);
	release_sample(&sample);
}

static void test_one_block_is_one_pool(void **state)
{
	struct sample sample;

	(void)state;
	make_sample(&sample, 2, 4);
	update(&sample);
	fake_pymalloc__free_at(&sample.target.pymalloc, 100);
	update(&sample);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	assert_true(sample.body_bytes <=
		    (1 + sample.counts.scrubbed_spans) * sample.obmalloc.geometry.pool_size);
	release_sample(&sample);
}

/* Frees the lowest live block of a pool that is neither of the two. */
static void free_other(struct fake_pymalloc *fake, uint64_t pool, uint64_t first, uint64_t second)
{
	uint64_t lowest = UINT64_MAX;

	for (size_t i = 0; i < fake->block_cnt; i++)
		if (geometry__pool_of(&fake->geometry, fake->blocks[i].address) == pool &&
		    fake->blocks[i].address != first && fake->blocks[i].address != second &&
		    fake->blocks[i].address < lowest)
			lowest = fake->blocks[i].address;
	fake_pymalloc__free(fake, lowest);
}

/* Fills pools with blocks of 512 bytes, and frees three of those in the full pool @number. */
static uint64_t make_partial_pool(struct sample *sample, size_t number)
{
	struct fake_pymalloc *fake = &sample->target.pymalloc;
	uint64_t blocks[16 * 31], pool;

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = fake_pymalloc__alloc(fake, 512);
	/* The next allocations come from it once it has a free block. */
	pool = geometry__pool_of(&fake->geometry, blocks[(number + 3) * 31]);
	assert_true(pool__is_full(&fake->geometry, fake_pymalloc__pool(fake, pool)));
	for (size_t i = 0, freed = 0; freed < 3; i++)
		if (geometry__pool_of(&fake->geometry, blocks[i]) == pool) {
			fake_pymalloc__free(fake, blocks[i]);
			freed++;
		}
	return pool;
}

/* Two blocks are allocated, another is freed, then the first: the header is the same as before. */
static void change_under_the_same_header(struct sample *sample, uint64_t pool)
{
	struct fake_pymalloc *fake = &sample->target.pymalloc;
	const struct pool_header *header = fake_pymalloc__pool(fake, pool), before = *header;
	uint64_t first = fake_pymalloc__alloc(fake, 512), second = fake_pymalloc__alloc(fake, 512);

	assert_int_equal(geometry__pool_of(&fake->geometry, second), pool);
	free_other(fake, pool, first, second);
	fake_pymalloc__free(fake, first);
	assert_memory_equal(header, &before, sizeof(before));
}

/* The change is not visible at first; then it is found, within @readings, and counted. */
static void check_that_it_is_found(struct sample *sample, bool spare_calm, int readings)
{
	do {
		update_sparing(sample, spare_calm);
		check_totals(sample);
	} while (!sample->counts.corrected_spans && --readings);
	assert_int_equal(sample->counts.corrected_spans, 1);
	check_heap_of(sample->heap, &sample->target.pymalloc);
}

static void test_other_blocks_under_the_same_header(void **state)
{
	struct sample sample;
	uint64_t pool;

	(void)state;
	make_sample(&sample, 2, 5);
	pool = make_partial_pool(&sample, 0);
	update(&sample);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	change_under_the_same_header(&sample, pool);
	check_that_it_is_found(&sample, false, SCRUB_READINGS);
	release_sample(&sample);
}

/* The same in calm arenas, for any pool of an arena: it only takes CALM_SHARE times as long. */
static void test_other_blocks_in_a_calm_arena(void **state)
{
	(void)state;
	for (size_t number = 0; number < CALM_SHARE; number++) {
		struct sample sample;
		uint64_t pool;

		make_sample(&sample, 2, 5);
		pool = make_partial_pool(&sample, number);
		for (int reading = 0; reading < CALM_READINGS + CALM_SHARE; reading++)
			update_sparing(&sample, true);
		assert_true(sample.counts.calm_spans > 0);
		check_heap_of(sample.heap, &sample.target.pymalloc);
		change_under_the_same_header(&sample, pool);
		check_that_it_is_found(&sample, true, CALM_SHARE * SCRUB_READINGS);
		release_sample(&sample);
	}
}

/* Each pool of calm arenas is scrubbed once in that many readings, and no more often. */
static void test_calm_arenas_are_scrubbed_once(void **state)
{
	struct sample sample;
	uint64_t pools, scrubbed = 0;

	(void)state;
	make_sample(&sample, 2, 5);
	make_partial_pool(&sample, 0);
	update(&sample);
	update(&sample);
	pools = sample.counts.unchanged_spans + sample.counts.scrubbed_spans;
	assert_true(pools > 64);
	for (int reading = 0; reading < CALM_SHARE * SCRUB_READINGS; reading++) {
		update_sparing(&sample, true);
		scrubbed += sample.counts.scrubbed_spans;
		assert_true(sample.counts.calm_spans > 0);
	}
	assert_int_equal(scrubbed, pools);
	release_sample(&sample);
}

/* The same for a whole arena: if it is known to have been mapped again, it is read again. */
static void test_forgotten_stamps_are_read_again(void **state)
{
	struct sample sample;
	uint64_t unchanged;

	(void)state;
	make_sample(&sample, 1, 6);
	update(&sample);
	update(&sample);
	unchanged = sample.counts.unchanged_spans + sample.counts.scrubbed_spans;
	for (size_t i = 0; i < sample.heap->region_cnt; i++)
		heap__forget_stamps(sample.heap, &sample.heap->regions[i]);
	update(&sample);
	assert_int_equal(sample.counts.unchanged_spans + sample.counts.scrubbed_spans, 0);
	update(&sample);
	assert_int_equal(sample.counts.unchanged_spans + sample.counts.scrubbed_spans, unchanged);
	check_heap_of(sample.heap, &sample.target.pymalloc);
	release_sample(&sample);
}

/* Without stamps, every reading is complete. */
static void test_without_stamps(void **state)
{
	struct checkpoint_options options = {};
	struct sample sample;

	(void)state;
	make_sample(&sample, 2, 7);
	for (int round = 0; round < 2; round++) {
		sample.counts = (struct checkpoint_counts){};
		assert_int_equal(checkpoint__update(sample.heap, &sample.obmalloc,
						    &sample.target.memory.memory, &options,
						    &sample.counts),
				 0);
		assert_int_equal(sample.counts.unchanged_spans + sample.counts.scrubbed_spans, 0);
		check_heap_of(sample.heap, &sample.target.pymalloc);
	}
	release_sample(&sample);
}

/* Frees everything, and allocates again at addresses that were never used before. */
static void move_arenas(struct fake_pymalloc *fake)
{
	while (fake->block_cnt)
		fake_pymalloc__free_at(fake, fake->block_cnt - 1);
	fake->hole_cnt = 0;
	fake->next_arena -= 64UL << 20;
	for (uint32_t i = 0; i < 40000; i++)
		fake_pymalloc__alloc(fake, 1 + i % 512);
}

/* The image of arenas that are gone is released before new arenas are read. */
static void test_arenas_that_move_take_no_more(void **state)
{
	struct account_usage first, usage;
	struct account *account;
	struct sample sample;
	size_t chunks;

	(void)state;
	make_sample(&sample, 2, 8);
	heap__free(sample.heap);
	assert_int_equal(account__new(&account, 1UL << 30, NULL), 0);
	sample.target.memory.memory.account = account;
	assert_int_equal(heap__new(&sample.heap, LAYOUT_OF(&sample.obmalloc.geometry), account), 0);
	move_arenas(&sample.target.pymalloc);
	update(&sample);
	assert_true(sample.heap->region_cnt > 8);
	chunks = block_map__chunk_cnt(sample.heap->blocks);
	first = account__usage(account);
	for (int round = 0; round < 20; round++) {
		move_arenas(&sample.target.pymalloc);
		update(&sample);
		check_heap_of(sample.heap, &sample.target.pymalloc);
		assert_int_equal(block_map__chunk_cnt(sample.heap->blocks), chunks);
	}
	usage = account__usage(account);
	assert_true(usage.peak_bytes < first.peak_bytes + first.peak_bytes / 2);
	sample.target.memory.memory.account = NULL;
	release_sample(&sample);
	account__close(account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_running_target_is_kept_up_with),
		cmocka_unit_test(test_calm_arenas_are_spared),
		cmocka_unit_test(test_what_did_not_change_is_not_read),
		cmocka_unit_test(test_one_block_is_one_pool),
		cmocka_unit_test(test_other_blocks_under_the_same_header),
		cmocka_unit_test(test_other_blocks_in_a_calm_arena),
		cmocka_unit_test(test_calm_arenas_are_scrubbed_once),
		cmocka_unit_test(test_forgotten_stamps_are_read_again),
		cmocka_unit_test(test_without_stamps),
		cmocka_unit_test(test_arenas_that_move_take_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
