// SPDX-License-Identifier: BSD-2-Clause
/* Pools of which pages are swapped out. */
#include "census/pool_reader.h"

#include <string.h>

#include "fake_target.h"
#include "unit_test.h"

#define ARENA	     0x7f3b50000000UL
#define POOL	     16384UL
#define BLOCK	     512U
#define PAGE	     4096UL
#define POOLS	     3
#define FIRST_BLOCK  48U
#define BLOCKS	     31U
#define SIZE_CLASS   31
#define SWAPPED_PAGE (ARENA + POOL + 2 * PAGE) /* of the second pool */

struct seen {
	uint32_t pools, blocks, missing;
};

static int visit(const struct block_span *pool, const struct pool_copy *copy, void *context)
{
	struct seen *seen = context;

	seen->pools++;
	assert_non_null(copy->bytes);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint32_t offset = FIRST_BLOCK + i * BLOCK;
		uint64_t block = pool->address + offset;
		bool is_swapped = block < SWAPPED_PAGE + PAGE && block + BLOCK > SWAPPED_PAGE;

		assert_int_equal(pool_copy__has(copy, offset, BLOCK), !is_swapped);
		seen->blocks++;
		seen->missing += is_swapped;
		if (!is_swapped)
			assert_memory_equal(copy->bytes + offset, &block, sizeof(block));
	}
	return 0;
}

static struct heap *make_heap(struct fake_memory *memory)
{
	struct heap *heap;

	fake_memory__init(memory);
	fake_memory__map(memory, ARENA, POOLS * POOL);
	assert_int_equal(heap__new(&heap, LAYOUT_OF(&FAKE_GEOMETRIES[2]), NULL), 0);
	assert_int_equal(heap__add_region(heap, ARENA, heap->layout.region_size), 0);
	for (uint64_t pool = ARENA; pool < ARENA + POOLS * POOL; pool += POOL) {
		assert_int_equal(block_map__set_class(heap->blocks, pool, SIZE_CLASS), 0);
		for (uint32_t i = 0; i < BLOCKS; i++) {
			uint64_t block = pool + FIRST_BLOCK + (uint64_t)i * BLOCK;
			bool was_live;

			assert_int_equal(block_map__insert(heap->blocks, block, &was_live), 0);
			*fake_memory__word(memory, block) = block;
		}
	}
	return heap;
}

/* Blocks that are not in the page are there. */
static void test_a_page_is_missing(void **state)
{
	struct fake_memory memory;
	struct heap *heap = make_heap(&memory);
	struct block_table blocks = {};
	struct seen seen = {};
	const struct pool_visitor visitor = {.visit = visit, .context = &seen};

	(void)state;
	fake_memory__swap_out(&memory, SWAPPED_PAGE, PAGE);
	assert_int_equal(block_table__init(&blocks, heap), 0);
	assert_int_equal(pool_reader__run(heap, &blocks, &memory.memory, &visitor), 0);
	assert_int_equal(seen.pools, POOLS);
	assert_int_equal(seen.blocks, POOLS * BLOCKS);
	/* Eight fit into a page, and one crosses each end. */
	assert_int_equal(seen.missing, 9);
	block_table__release(&blocks);
	heap__free(heap);
	fake_memory__release(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
