// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/malloc_areas.h"

#include <errno.h>

#include "fake_malloc.h"
#include "malloc/malloc_layout.h"
#include "malloc/mallocs.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define SECOND_HEAP (FAKE_HEAP + (64UL << 20))

static void put(const struct fake_malloc *fake, uint64_t address, uint64_t word)
{
	*fake_memory__word(&fake->memory, address) = word;
}

/* What is read of a fake process. */
struct fixture {
	struct fake_malloc fake;
	struct mallocs mallocs;
	struct heap *heap;
};

static void begin(struct fixture *fixture, const struct arena_layout *layout, bool mangled)
{
	static const struct target_ops ops;

	*fixture = (struct fixture){};
	fake_malloc__init(&fixture->fake, layout, mangled);
	fixture->fake.target.ops = &ops;
	assert_int_equal(heap__new(&fixture->heap, &malloc_layout, NULL), 0);
}

static void read_mallocs(struct fixture *fixture)
{
	assert_int_equal(mallocs__read(&fixture->mallocs, fixture->heap, &fixture->fake.target,
				       NULL),
			 0);
	assert_int_equal(fixture->mallocs.cnt, 1);
}

static void release(struct fixture *fixture)
{
	mallocs__release(&fixture->mallocs);
	heap__free(fixture->heap);
	fake_malloc__release(&fixture->fake);
}

/* All layouts, links mangled or not: everything that was made is found, and nothing else. */
static void test_finds_all_that_is_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARENA_LAYOUTS; i++) {
		const struct malloc_areas *areas;
		const struct malloc_image *image;
		struct fixture fixture;
		struct malloc_arena_use sum;

		begin(&fixture, &arena_layouts[i / 2], i % 2);
		read_mallocs(&fixture);
		areas = &fixture.mallocs.areas;
		image = &fixture.mallocs.items[0].image;
		assert_ptr_equal(areas->items[0].layout, &arena_layouts[i / 2]);
		assert_int_equal(areas->items[0].arena_cnt, 2);
		assert_int_equal(areas->items[0].heaps.cnt, 3);
		assert_int_equal(areas->items[0].parameters.sbrk_base, FAKE_BRK);
		assert_int_equal(areas->items[0].parameters.trim_threshold, FAKE_TRIM_THRESHOLD);
		assert_int_equal(areas->items[0].parameters.top_pad, FAKE_TOP_PAD);
		assert_int_equal(areas->items[0].parameters.mapped_chunks, 2);
		assert_int_equal(areas->mapped.cnt, 2);
		assert_int_equal(areas->range_cnt, 5);
		sum = malloc_image__total(image);
		assert_int_equal(sum.in_use.cnt, fixture.fake.in_use_cnt);
		assert_int_equal(sum.free.cnt, fixture.fake.free_cnt);
		assert_int_equal(sum.fastbins.cnt, fixture.fake.fastbin_cnt);
		assert_int_equal(sum.tcache.cnt, fixture.fake.tcache_cnt);
		assert_int_equal(sum.lost_bytes + image->torn_lists, 0);
		release(&fixture);
	}
}

/* The image of the heap has the same chunks: each is a span, and those in use have a live block. */
static void test_heap_image(void **state)
{
	uint64_t bytes = 0, live_bytes = 0, live_cnt = 0, chunk_cnt = 0, mapped_bytes = 0;
	struct malloc_arena_use sum;
	struct heap_measure measure;
	struct fixture fixture;

	(void)state;
	begin(&fixture, &arena_layouts[0], true);
	read_mallocs(&fixture);
	sum = malloc_image__total(&fixture.mallocs.items[0].image);
	assert_int_equal(fixture.mallocs.areas.mapped.cnt, 2);
	for (size_t i = 0; i < 2; i++)
		mapped_bytes += fixture.mallocs.areas.mapped.items[i].size;
	assert_int_equal(fixture.heap->region_cnt, 5);
	for (size_t i = 0; i < fixture.heap->region_cnt; i++) {
		struct span span = {};

		while (heap__next_span(fixture.heap, &fixture.heap->regions[i], &span)) {
			bool is_live = span.block_cnt &&
				       block_map__contains(fixture.heap->blocks,
							   span.address + span.first_block);

			bytes += span.size;
			chunk_cnt += span.block_cnt;
			live_cnt += is_live;
			live_bytes += is_live ? span.size : 0;
		}
	}
	assert_int_equal(chunk_cnt, fixture.fake.chunk_cnt + 2);
	assert_int_equal(live_cnt, sum.in_use.cnt + 2);
	assert_int_equal(live_bytes, sum.in_use.bytes + mapped_bytes);
	assert_int_equal(bytes, sum.heap_bytes + mapped_bytes);
	assert_int_equal(heap__measure(fixture.heap, &measure), 0);
	assert_int_equal(measure.totals.live_blocks, live_cnt);
	assert_int_equal(measure.totals.stray_blocks + measure.totals.unclassified_spans, 0);
	heap_measure__free(&measure);
	release(&fixture);
}

static void find_damaged(const struct fake_malloc *fake, uint64_t damaged_arenas, size_t heaps)
{
	_cleanup_(malloc_areas__release) struct malloc_areas areas = {};

	assert_int_equal(malloc_areas__find(&areas, &fake->target, NULL), 0);
	assert_int_equal(areas.cnt, 1);
	assert_int_equal(areas.items[0].damaged_arenas, damaged_arenas);
	assert_int_equal(areas.items[0].heaps.cnt, heaps);
}

/* Heaps that refer to each other in a circle, or to what is no heap. */
static void test_damaged_heaps(void **state)
{
	static const struct {
		uint64_t address, word;
		size_t heaps; /* found all the same, the main one included */
	} cases[] = {
		{SECOND_HEAP + 8, SECOND_HEAP, 2}, {SECOND_HEAP + 8, 0, 2},
		{SECOND_HEAP + 8, 1, 1},	   {SECOND_HEAP, FAKE_MAIN_ARENA, 1},
		{SECOND_HEAP + 16, 1UL << 40, 1},  {SECOND_HEAP + 16, 0, 1},
		{SECOND_HEAP + 24, 4096, 1},	   {FAKE_HEAP + 16, 4096 + 1, 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_malloc fake;

		fake_malloc__init(&fake, &arena_layouts[0], true);
		put(&fake, cases[i].address, cases[i].word);
		find_damaged(&fake, 1, cases[i].heaps);
		fake_malloc__release(&fake);
	}
}

/* Rings of arenas that do not lead back to the main one: that is no malloc. */
static void test_rings_that_do_not_close(void **state)
{
	static const uint64_t nexts[] = {0, FAKE_HEAP + 48, FAKE_LIBC + 8, SECOND_HEAP + 48, 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nexts); i++) {
		_cleanup_(malloc_areas__release) struct malloc_areas areas = {};
		struct fake_malloc fake;

		fake_malloc__init(&fake, &arena_layouts[0], true);
		put(&fake, fake.thread_arena + fake.layout->bins + ARENA_NEXT_AFTER_BINS, nexts[i]);
		assert_int_equal(malloc_areas__find(&areas, &fake.target, NULL), 0);
		assert_int_equal(areas.cnt, 0);
		fake_malloc__release(&fake);
	}
}

/* A list of a tcache or a fastbin that is circular, or leads to what is no block. */
static void test_lists_that_lead_astray(void **state)
{
	static const uint64_t links[] = {1, 0x10, FAKE_BRK + 0x8, UINT64_MAX, FAKE_BRK + 0x2a0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		const struct malloc_image *image;
		struct fixture fixture;

		begin(&fixture, &arena_layouts[0], false);
		put(&fixture.fake, FAKE_BRK + 0x290 + 16 + 0x40, links[i]);
		read_mallocs(&fixture);
		image = &fixture.mallocs.items[0].image;
		assert_int_equal(image->arenas[0].tcache.cnt, 2);
		assert_true(image->torn_lists > 0);
		release(&fixture);
	}
}

#define MAIN_TOP   (FAKE_BRK + FAKE_BRK_BYTES - 0x2000)
#define TOP_BEHIND 0x800UL /* from the start of the next piece on */

/* Has the main arena go on in @size bytes at @address: a free chunk, one in use, and the top. */
static void move_main_top(const struct fake_malloc *fake, uint64_t address, uint64_t size)
{
	put(fake, MAIN_TOP + 8, 16 | 1);
	put(fake, MAIN_TOP + 24, 16 | 1);
	put(fake, address, 0);
	put(fake, address + 8, 0x400 | 1);
	put(fake, address + 0x400, 0x400);
	put(fake, address + 0x408, TOP_BEHIND - 0x400);
	put(fake, address + TOP_BEHIND + 8, (size - TOP_BEHIND) | 1);
	put(fake, FAKE_MAIN_ARENA + fake->layout->top, address + TOP_BEHIND);
}

static void check_totals(const struct fixture *fixture, uint64_t foreign_bytes,
			 uint64_t missing_bytes)
{
	struct malloc_arena_use sum = malloc_image__total(&fixture->mallocs.items[0].image);

	assert_int_equal(fixture->mallocs.areas.items[0].heaps.cnt, 4);
	assert_int_equal(fixture->mallocs.areas.items[0].damaged_arenas, 0);
	assert_int_equal(sum.in_use.cnt, fixture->fake.in_use_cnt + 1);
	assert_int_equal(sum.free.cnt, fixture->fake.free_cnt + 1);
	assert_int_equal(sum.lost_bytes, 0);
	assert_int_equal(sum.foreign_bytes, foreign_bytes);
	assert_int_equal(sum.missing_bytes, missing_bytes);
}

static void test_break_moved_by_others(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture, &arena_layouts[0], true);
	move_main_top(&fixture.fake, MAIN_TOP + 0x1000, 0x1000);
	/* Others may have what looks like a chunk, and what is in use does not end there. */
	put(&fixture.fake, MAIN_TOP + 0x108, 0x80 | 1);
	read_mallocs(&fixture);
	check_totals(&fixture, 0x1000 - 32, 0);
	release(&fixture);
}

/* In place of a mapped chunk, there is a piece of the main arena. */
static void begin_with_piece(struct fixture *fixture)
{
	begin(fixture, &arena_layouts[0], true);
	move_main_top(&fixture->fake, FAKE_MAPPED + 0x3000, 0x5000);
	put(&fixture->fake, FAKE_MAIN_ARENA, 2UL << 32); /* NONCONTIGUOUS */
	put(&fixture->fake,
	    malloc_arena__bins(&(struct malloc_arena){.address = FAKE_MAIN_ARENA},
			       fixture->fake.layout) +
		    ARENA_NEXT_AFTER_BINS + 24,
	    FAKE_BRK_BYTES - 0x2000 + 32 + 0x5000);
}

static void test_break_refused(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_with_piece(&fixture);
	read_mallocs(&fixture);
	check_totals(&fixture, 0, 0);
	assert_int_equal(fixture.mallocs.areas.mapped.cnt, 1);
	release(&fixture);
}

/* What cannot be found is counted. */
static void test_damaged_piece(void **state)
{
	struct fixture fixture;

	(void)state;
	begin_with_piece(&fixture);
	put(&fixture.fake, FAKE_MAPPED + 0x3008, 0x410 | 1);
	read_mallocs(&fixture);
	assert_int_equal(fixture.mallocs.areas.items[0].heaps.cnt, 3);
	assert_int_equal(fixture.mallocs.areas.items[0].damaged_arenas, 1);
	assert_int_equal(fixture.mallocs.items[0].image.arenas[0].missing_bytes, 0x5000);
	release(&fixture);
}

/* A source that does not know what is in RAM: no estimate, in place of 0. */
static void test_no_estimate_without_residency(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture, &arena_layouts[0], true);
	read_mallocs(&fixture);
	assert_false(fixture.mallocs.items[0].trim.knows_resident);
	release(&fixture);
}

/* While the first chunk of the second heap is copied, the target changes the heap. */
static void shrink_second_heap(void *context, uint64_t address, size_t size)
{
	const struct fake_malloc *fake = context;
	bool is_broken = *fake_memory__word(&fake->memory, SECOND_HEAP + 56) == 8;

	if (address == SECOND_HEAP + 48 && size > 8 &&
	    *fake_memory__word(&fake->memory, SECOND_HEAP + 16) == FAKE_HEAP_BYTES) {
		put(fake, SECOND_HEAP + 16, FAKE_HEAP_BYTES - 0x4000);
		put(fake, SECOND_HEAP + 56, 8);
	} else if (address == SECOND_HEAP && is_broken) {
		put(fake, SECOND_HEAP + 56, 0x50 | 5);
	}
}

/* Headers that are no longer valid lead to where the top was, which is outside of the heap now. */
static void test_heap_that_has_shrunk(void **state)
{
	const struct malloc_arena_use *use;
	const struct malloc_heap *heap;
	struct fixture fixture;

	(void)state;
	begin(&fixture, &arena_layouts[0], true);
	fixture.fake.memory.before_read = shrink_second_heap;
	fixture.fake.memory.context = &fixture.fake;
	read_mallocs(&fixture);
	assert_int_equal(*fake_memory__word(&fixture.fake.memory, SECOND_HEAP + 16),
			 FAKE_HEAP_BYTES - 0x4000);
	assert_true(fixture.mallocs.items[0].image.counts.retried_windows > 0);
	heap = &fixture.mallocs.areas.items[0].heaps.items[2];
	assert_int_equal(heap->start, SECOND_HEAP);
	assert_true(heap->chunks_end <= heap->top && heap->top < heap->end);
	use = &fixture.mallocs.items[0].image.arenas[1];
	assert_int_equal(use->top_bytes, heap->end - heap->top);
	assert_int_equal(use->in_use.bytes + use->free.bytes + use->top_bytes + use->overhead_bytes,
			 use->heap_bytes);
	release(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_all_that_is_there),
		cmocka_unit_test(test_heap_image),
		cmocka_unit_test(test_damaged_heaps),
		cmocka_unit_test(test_rings_that_do_not_close),
		cmocka_unit_test(test_lists_that_lead_astray),
		cmocka_unit_test(test_break_moved_by_others),
		cmocka_unit_test(test_break_refused),
		cmocka_unit_test(test_damaged_piece),
		cmocka_unit_test(test_no_estimate_without_residency),
		cmocka_unit_test(test_heap_that_has_shrunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
