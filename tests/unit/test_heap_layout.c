// SPDX-License-Identifier: BSD-2-Clause
/*
 * Heaps that are not pymalloc's: an allocator without spans, whose regions and blocks are of any
 * size, as glibc's malloc has them. What is computed from a heap has to be right for it, too.
 */
#include "heap/heap_layout.h"

#include <errno.h>

#include "heap/heap.h"
#include "heap/pinned.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define HEADER 16UL
#define SMALL  0x7f0000000000UL /* a region of 132 KiB */
#define LARGE  0x7f0000100000UL /* one of 3 MiB and a page, over several chunks of the map */

/* The reference: all chunks, free or not, in the order of their addresses. */
static const struct chunk {
	uint64_t address, size;
	bool live;
} chunks[] = {
	{SMALL, 0x30, true},
	{SMALL + 0x30, 0x410, false},
	{SMALL + 0x440, 0x20, true},
	{SMALL + 0x460, 132 * 1024 - 0x460, false},
	{LARGE, 0x110, false},
	{LARGE + 0x110, 0x200ef0, true},
	{LARGE + 0x201000, 0x1000, false},
	{LARGE + 0x202000, 0x20, true},
	{LARGE + 0x202020, 0xfefe0, true},
};

#define SMALL_BYTES (132UL * 1024)
#define LARGE_BYTES (3UL * 1024 * 1024 + 4096)

static void describe_class(const struct heap_layout *layout, uint8_t size_class, struct span *span)
{
	(void)layout;
	*span = (struct span){.size_class = size_class};
}

static uint64_t start_of_chunk(const struct heap_layout *layout, uint64_t block)
{
	(void)layout;
	return block - HEADER;
}

static void describe_chunk(const struct heap *heap, uint64_t address, struct span *span)
{
	(void)heap;
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++)
		if (chunks[i].address == address) {
			*span = (struct span){.address = address,
					      .size = chunks[i].size,
					      .first_block = HEADER,
					      .block_size = chunks[i].size - HEADER,
					      .block_cnt = 1};
			return;
		}
	fail_msg("no chunk begins at %#lx", address);
}

static const struct span_operations operations = {
	.describe_class = describe_class,
	.start = start_of_chunk,
	.at = describe_chunk,
};

static const struct heap_layout layout = {
	.map = {.alignment = 16, .page_bytes = 4096, .chunk_bytes = 1 << 20},
	.class_cnt = 1,
	.operations = &operations,
};

static struct heap *make_heap(void)
{
	struct heap *heap = NULL;

	assert_int_equal(heap__new(&heap, &layout, NULL), 0);
	assert_int_equal(heap__add_region(heap, LARGE, LARGE_BYTES), 0);
	assert_int_equal(heap__add_region(heap, SMALL, SMALL_BYTES), 0);
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		bool was_live;

		if (chunks[i].live)
			assert_int_equal(block_map__insert(heap->blocks, chunks[i].address + HEADER,
							   &was_live),
					 0);
	}
	return heap;
}

static void test_regions_have_sizes_of_their_own(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = make_heap();

	(void)state;
	assert_int_equal(heap->region_cnt, 2);
	assert_ptr_equal(heap__region_around(heap, SMALL + SMALL_BYTES - 1), &heap->regions[0]);
	assert_null(heap__region_around(heap, SMALL + SMALL_BYTES));
	assert_ptr_equal(heap__region_around(heap, LARGE + LARGE_BYTES - 1), &heap->regions[1]);
	assert_null(heap__region_around(heap, LARGE + LARGE_BYTES));
	/* Whether a region fits in between depends on its size, and on that of the one below. */
	assert_int_equal(heap__add_region(heap, SMALL + SMALL_BYTES - 4096, 4096), -EINVAL);
	assert_int_equal(heap__add_region(heap, SMALL + SMALL_BYTES, LARGE - SMALL), -EINVAL);
	assert_int_equal(heap__add_region(heap, SMALL + SMALL_BYTES, LARGE - SMALL - SMALL_BYTES),
			 0);
	assert_int_equal(heap->region_cnt, 3);
}

static void test_spans_of_a_region(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = make_heap();
	size_t cnt = 0;

	(void)state;
	for (size_t i = 0; i < heap->region_cnt; i++) {
		struct span span = {};

		while (heap__next_span(heap, &heap->regions[i], &span)) {
			assert_int_equal(span.address, chunks[cnt].address);
			assert_int_equal(block_map__count(heap->blocks, span.address, span.size),
					 chunks[cnt].live);
			cnt++;
		}
	}
	assert_int_equal(cnt, ARRAY_SIZE(chunks));
}

static void test_bytes_add_up(void **state)
{
	uint64_t live_bytes = 0, live_blocks = 0, free_bytes = 0;
	_cleanup_(heap__freep) struct heap *heap = make_heap();
	struct heap_measure measure;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		live_blocks += chunks[i].live;
		live_bytes += chunks[i].live ? chunks[i].size - HEADER : 0;
		free_bytes += chunks[i].live ? 0 : chunks[i].size;
	}
	assert_int_equal(heap__measure(heap, &measure), 0);
	assert_int_equal(measure.totals.regions, 2);
	assert_int_equal(measure.totals.region_bytes, SMALL_BYTES + LARGE_BYTES);
	assert_int_equal(measure.totals.live_blocks, live_blocks);
	assert_int_equal(measure.totals.live_bytes, live_bytes);
	assert_int_equal(measure.totals.free_span_bytes, free_bytes);
	assert_int_equal(measure.totals.overhead_bytes, live_blocks * HEADER);
	assert_int_equal(measure.totals.stray_blocks, 0);
	assert_int_equal(measure.regions[0].size, SMALL_BYTES);
	assert_int_equal(measure.regions[0].live_bytes, 0x20 + 0x10);
	assert_int_equal(measure.regions[1].size, LARGE_BYTES);
	heap_measure__free(&measure);
}

/* The small region is pinned, by two blocks; the large one is full. */
static void test_pins(void **state)
{
	const struct pinned_options options = {.below = 0.1, .blocks_per_region_max = 10};
	_cleanup_(heap__freep) struct heap *heap = make_heap();
	struct pinned_history history = {};
	struct heap_measure measure;
	struct pinned pinned;

	(void)state;
	assert_int_equal(heap__measure(heap, &measure), 0);
	assert_int_equal(pinned__find(&pinned, heap, &measure, &options, &history, 1), 0);
	assert_int_equal(pinned.region_cnt, 1);
	assert_int_equal(pinned.regions[0].address, SMALL);
	assert_int_equal(pinned.bytes, SMALL_BYTES);
	assert_int_equal(pinned.block_cnt, 2);
	assert_int_equal(pinned.blocks[0].address, SMALL + HEADER);
	assert_int_equal(pinned.blocks[0].size, 0x20);
	assert_int_equal(pinned.blocks[1].address, SMALL + 0x440 + HEADER);
	assert_int_equal(pinned.blocks[1].size, 0x10);
	assert_int_equal(pinned.what_if_cnt, 1);
	assert_int_equal(pinned.what_if[0].bytes, SMALL_BYTES);
	pinned__free(&pinned);
	pinned_history__free(&history);
	heap_measure__free(&measure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_regions_have_sizes_of_their_own),
		cmocka_unit_test(test_spans_of_a_region),
		cmocka_unit_test(test_bytes_add_up),
		cmocka_unit_test(test_pins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
