// SPDX-License-Identifier: BSD-2-Clause
#include "fake_target.h"

#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define ARRAYS_ADDRESS 0x555556200000UL
#define ARENAS_BELOW   0x7f3b58600000UL
#define STACK_ADDRESS  0x7ffd3c5a1000UL

/*
 * The geometries of CPython up to 3.9 (before and since bpo-27987), since 3.10, and with huge
 * pages.
 */
const struct geometry FAKE_GEOMETRIES[] = {
	{.arena_size = 256 << 10, .pool_size = 4096, .alignment = 8},
	{.arena_size = 256 << 10, .pool_size = 4096, .alignment = 16},
	{.arena_size = 1 << 20, .pool_size = 16384, .alignment = 16},
	{.arena_size = 2 << 20, .pool_size = 16384, .alignment = 16},
};
const size_t FAKE_GEOMETRY_CNT = ARRAY_SIZE(FAKE_GEOMETRIES);

struct fake_options fake_target__options(const struct geometry *geometry, enum fake_layout layout)
{
	return (struct fake_options){
		.geometry = geometry ? *geometry : FAKE_GEOMETRIES[2],
		.table_address = FAKE_TABLE,
		.arenas_at = layout == FAKE_STATIC ? FAKE_ARENAS : 0,
		.usable_arenas_at = layout == FAKE_STATIC ? FAKE_ARENAS + 0x28 : 0,
		.arrays_address = ARRAYS_ADDRESS,
		.arenas_below = ARENAS_BELOW,
		.seed = 20,
	};
}

/*
 * Words like those in other variables: numbers, text, pointers to data, to the array and to arenas.
 */
static uint64_t make_decoy(uint64_t *random)
{
	uint64_t any = prng__next(random);

	switch (prng__below(random, 8)) {
	case 0:
		return any % 1000;
	case 1:
		return 0x206e6f6874795020;
	case 2:
		return FAKE_DATA + any % FAKE_DATA_BYTES / 8 * 8;
	case 3:
		return ARRAYS_ADDRESS + (1 + any % 16) * sizeof(struct arena_object);
	case 4:
		return ARENAS_BELOW - any % 64 * 4096;
	case 5:
		return ARENAS_BELOW - any % 100000 / 16 * 16;
	case 6:
		return STACK_ADDRESS + any % 4096;
	default:
		return 0;
	}
}

void fake_target__init(struct fake_target *target, const struct fake_options *options)
{
	uint64_t *data, random = 77;

	fake_memory__init(&target->memory);
	data = fake_memory__map(&target->memory, FAKE_DATA, FAKE_DATA_BYTES);
	fake_memory__map(&target->memory, STACK_ADDRESS, 8192);
	for (size_t i = 0; i < FAKE_DATA_BYTES / sizeof(*data); i++)
		data[i] = make_decoy(&random);
	fake_pymalloc__init(&target->pymalloc, &target->memory, options);
}

void fake_target__release(struct fake_target *target)
{
	fake_pymalloc__release(&target->pymalloc);
	fake_memory__release(&target->memory);
}

void fake_target__copy_data(const struct fake_memory *memory, uint64_t address, size_t size,
			    struct data_image *out)
{
	*out = (struct data_image){.segments = account__calloc(NULL, 1, sizeof(*out->segments)),
				   .segment_cnt = 1};
	assert_non_null(out->segments);
	out->segments[0] = (struct data_segment){.address = address,
						 .bytes = account__alloc(NULL, size),
						 .size = size};
	assert_non_null(out->segments[0].bytes);
	memcpy(out->segments[0].bytes, fake_memory__at(memory, address, size), size);
}

struct obmalloc fake_target__locate(const struct fake_target *target)
{
	struct obmalloc obmalloc = {};
	struct data_image data;

	fake_target__copy_data(&target->memory, FAKE_DATA, FAKE_DATA_BYTES, &data);
	assert_int_equal(obmalloc__locate(&obmalloc, &data, NULL, &target->memory.memory), 0);
	data_image__free(&data);
	return obmalloc;
}

int checkpoint__read(struct heap **out, struct obmalloc *obmalloc, const struct memory *memory,
		     const struct checkpoint_options *options, struct checkpoint_counts *counts)
{
	const struct heap_layout layout = pymalloc_layout__of(&obmalloc->geometry);
	_cleanup_(heap__freep) struct heap *heap = NULL;
	int err;

	err = heap__new(&heap, &layout, memory->account);
	if (!err)
		err = checkpoint__update(heap, obmalloc, memory, options, counts);
	if (err)
		return err;
	*out = TAKE_PTR(heap);
	return 0;
}

static int compare_addresses(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static void check_arenas(const struct heap *heap, const struct fake_pymalloc *const *fakes,
			 size_t cnt)
{
	uint64_t *expected = calloc(heap->region_cnt + 1, sizeof(*expected));
	size_t expected_cnt = 0;

	assert_non_null(expected);
	for (size_t f = 0; f < cnt; f++)
		for (size_t i = 0; i < fakes[f]->arena_cnt; i++) {
			assert_true(expected_cnt < heap->region_cnt);
			expected[expected_cnt++] = fakes[f]->arenas[i];
		}
	assert_int_equal(heap->region_cnt, expected_cnt);
	qsort(expected, expected_cnt, sizeof(*expected), compare_addresses);
	for (size_t i = 0; i < expected_cnt; i++)
		assert_int_equal(heap->regions[i].address, expected[i]);
	free(expected);
}

uint64_t count_all_bits(const struct block_map *map)
{
	const struct block_map_chunk *chunk;
	uint64_t bits = 0;

	for (size_t i = 0; (chunk = block_map__chunk_at(map, i)); i++)
		for (size_t w = 0; w < block_map__words_per_chunk(map); w++)
			bits += (uint64_t)__builtin_popcountll(chunk->bits[w]);
	return bits;
}

/*
 * The list of blocks and the bits are equal sets: they have the same size, and every listed block
 * has a bit.
 */
static void check_blocks(const struct heap *heap, const struct fake_pymalloc *const *fakes,
			 size_t cnt)
{
	uint64_t blocks = 0;

	for (size_t f = 0; f < cnt; f++) {
		blocks += fakes[f]->block_cnt;
		for (size_t i = 0; i < fakes[f]->block_cnt; i++) {
			const struct fake_block *block = &fakes[f]->blocks[i];
			uint64_t pool =
				block->address / heap->layout.span_size * heap->layout.span_size;

			if (!block_map__contains(heap->blocks, block->address))
				fail_msg("live block %#lx is not in the heap", block->address);
			assert_int_equal(block_map__class(heap->blocks, pool), block->size_class);
		}
	}
	assert_int_equal(count_all_bits(heap->blocks), blocks);
}

static void check_totals(const struct heap *heap, const struct fake_pymalloc *const *fakes,
			 size_t cnt)
{
	struct fake_totals expected = {};
	struct heap_measure measure;
	const struct heap_totals *totals = &measure.totals;

	for (size_t f = 0; f < cnt; f++)
		fake_pymalloc__add_totals(fakes[f], &expected);
	assert_int_equal(heap__measure(heap, &measure), 0);
	assert_int_equal(totals->regions, expected.arenas);
	assert_int_equal(totals->region_bytes, expected.arena_bytes);
	assert_int_equal(totals->live_blocks, expected.live_blocks);
	assert_int_equal(totals->live_bytes, expected.live_bytes);
	assert_int_equal(totals->free_block_bytes, expected.free_block_bytes);
	assert_int_equal(totals->free_span_bytes, expected.free_pool_bytes);
	assert_int_equal(totals->overhead_bytes, expected.overhead_bytes);
	assert_int_equal(totals->stray_blocks, 0);
	assert_int_equal(totals->unclassified_spans, 0);
	assert_int_equal(measure.class_cnt, 512 / heap->layout.map.alignment);
	for (uint32_t i = 0; i < measure.class_cnt; i++) {
		assert_int_equal(measure.classes[i].spans, expected.classes[i].pools);
		assert_int_equal(measure.classes[i].live_blocks, expected.classes[i].live_blocks);
		assert_int_equal(measure.classes[i].free_blocks, expected.classes[i].free_blocks);
	}
	heap_measure__free(&measure);
}

void check_heap(const struct heap *heap, const struct fake_pymalloc *const *fakes, size_t cnt)
{
	check_arenas(heap, fakes, cnt);
	check_blocks(heap, fakes, cnt);
	check_totals(heap, fakes, cnt);
}

void check_heap_of(const struct heap *heap, const struct fake_pymalloc *fake)
{
	check_heap(heap, &fake, 1);
}
