// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/memory_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "sample_heap.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define SECTORS_OF_ARENA (SAMPLE_ARENA_BYTES / 256)

/* The map is @begin, followed by blanks up to @cnt sectors. */
static void assert_drawn(const struct memory_map_region *region, size_t cnt, const char *begin)
{
	assert_int_equal(strlen(region->sectors), cnt);
	assert_memory_equal(region->sectors, begin, strlen(begin));
	assert_int_equal(strspn(region->sectors + strlen(begin), " "), cnt - strlen(begin));
}

static void assert_close(double value, double expected)
{
	assert_true(fabs(value - expected) < 1e-12);
}

/*
 * Blocks of 512 bytes are at 48, 560, ... 3120 in a pool, which has 16 sectors. The header and the
 * tail (from 3632 on) can never be allocated, so they do not make a sector a partly used one.
 */
static void test_one_block(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new_empty(&sample_geometry);
	_cleanup_(memory_map__free) struct memory_map map = {};
	const struct memory_map_region *region;

	(void)state;
	assert_int_equal(heap__add_region(heap, SAMPLE_A, heap->layout.region_size), 0);
	sample_heap__add_block(heap, SAMPLE_A, SAMPLE_CLASS(512), 0);
	assert_int_equal(memory_map__draw(&map, heap), 0);
	assert_int_equal(map.region_cnt, 1);
	region = &map.regions[0];
	assert_int_equal(region->start, SAMPLE_A);
	assert_int_equal(region->end, SAMPLE_A + SAMPLE_ARENA_BYTES);
	assert_int_equal(region->sector_bytes, 256);
	/* 0-255: header and block; 256-511: block; 512-767: block up to 560, then a free one. */
	assert_drawn(region, SECTORS_OF_ARENA, "**-");
	assert_int_equal(region->live_bytes, 512);
	assert_int_equal(region->used, 2);
	assert_int_equal(region->partial, 1);
	assert_int_equal(region->free, SECTORS_OF_ARENA - 3);
	assert_int_equal(region->longest_used, 2);
	assert_int_equal(region->longest_free, SECTORS_OF_ARENA - 3);
	assert_close(memory_map_region__fragmentation(region), 1 - 512 / 262144.0);
}

static void test_full_pool_between_free_ones(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new_empty(&sample_geometry);
	_cleanup_(memory_map__free) struct memory_map map = {};
	const struct memory_map_region *region;

	(void)state;
	assert_int_equal(heap__add_region(heap, SAMPLE_A, heap->layout.region_size), 0);
	for (uint32_t i = 0; i < 7; i++)
		sample_heap__add_block(heap, SAMPLE_A + SAMPLE_POOL_BYTES, SAMPLE_CLASS(512), i);
	assert_int_equal(memory_map__draw(&map, heap), 0);
	region = &map.regions[0];
	/* Sector 14 of the pool has 48 bytes of the last block, and tail; sector 15 is all tail. */
	assert_drawn(region, SECTORS_OF_ARENA,
		     "                "
		     "***************");
	assert_int_equal(region->used, 15);
	assert_int_equal(region->partial, 0);
	assert_int_equal(region->longest_used, 15);
	assert_int_equal(region->longest_free, SECTORS_OF_ARENA - 31);
	assert_int_equal(region->live_bytes, 7 * 512);
}

static void test_regions_of_the_sample(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new();
	_cleanup_(memory_map__free) struct memory_map map = {};
	uint64_t live_bytes = 0;

	(void)state;
	assert_int_equal(memory_map__draw(&map, heap), 0);
	/* A and B are adjacent. */
	assert_int_equal(map.region_cnt, 3);
	assert_int_equal(map.regions[0].start, SAMPLE_A);
	assert_int_equal(map.regions[0].end, SAMPLE_B + SAMPLE_ARENA_BYTES);
	assert_int_equal(map.regions[1].start, SAMPLE_C);
	assert_int_equal(map.regions[2].start, SAMPLE_D);
	assert_int_equal(strlen(map.regions[0].sectors), 2 * SECTORS_OF_ARENA);
	for (size_t i = 0; i < map.region_cnt; i++) {
		const struct memory_map_region *region = &map.regions[i];

		assert_int_equal(region->used + region->partial + region->free,
				 strlen(region->sectors));
		live_bytes += region->live_bytes;
	}
	assert_int_equal(live_bytes, SAMPLE_LIVE_BYTES);
	/* D: nothing but blanks. */
	assert_drawn(&map.regions[2], SECTORS_OF_ARENA, "");
	assert_int_equal(map.regions[2].longest_free, SECTORS_OF_ARENA);
	assert_int_equal(map.regions[2].longest_used, 0);
	assert_close(memory_map_region__fragmentation(&map.regions[2]), 1);
	/* A: three blocks of 32 from 48 on, and free ones after them in the first sector. */
	assert_int_equal(map.regions[0].sectors[0], '-');
	assert_int_equal(map.regions[0].sectors[1], ' ');
	/* B's third pool: the last block, 3120 to 3632, and the tail. */
	assert_memory_equal(map.regions[0].sectors + SECTORS_OF_ARENA + 3L * 16, "            -** ",
			    16);
	/* B's fourth pool: full. */
	assert_memory_equal(map.regions[0].sectors + SECTORS_OF_ARENA + 4L * 16, "****************",
			    16);
}

static void test_empty_heap(void **state)
{
	_cleanup_(heap__freep) struct heap *heap = sample_heap__new_empty(&sample_geometry);
	_cleanup_(memory_map__free) struct memory_map map = {};

	(void)state;
	assert_int_equal(memory_map__draw(&map, heap), 0);
	assert_int_equal(map.region_cnt, 0);
}

/* 80 columns times 40 lines is 3200 sectors: regions that would need more have larger sectors. */
static void test_sectors_grow_with_the_region(void **state)
{
	static const struct {
		size_t arenas;
		uint64_t sector_bytes;
	} cases[] = {
		{1, 256},		   /* 1024 sectors */
		{3, 256},		   /* 3072 */
		{4, 512},		   /* 4096 would be too many: 2048 */
		{6, 512},		   /* 3072 */
		{7, 1024},    {100, 8192}, /* 26,214,400 bytes: 6400 of 4096, 3200 of 8192 */
		{101, 16384},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(heap__freep) struct heap *heap = sample_heap__new_empty(&sample_geometry);
		_cleanup_(memory_map__free) struct memory_map map = {};

		for (size_t at = 0; at < cases[i].arenas; at++)
			assert_int_equal(heap__add_region(heap, SAMPLE_A + at * SAMPLE_ARENA_BYTES,
							  heap->layout.region_size),
					 0);
		assert_int_equal(memory_map__draw(&map, heap), 0);
		assert_int_equal(map.region_cnt, 1);
		assert_int_equal(map.regions[0].sector_bytes, cases[i].sector_bytes);
		assert_int_equal(strlen(map.regions[0].sectors),
				 cases[i].arenas * SAMPLE_ARENA_BYTES / cases[i].sector_bytes);
	}
}

/* The state of each byte of an arena, computed byte by byte. */
enum byte_kind {
	BYTE_LOST, /* headers, tails, space in which no pool fits */
	BYTE_AVAILABLE,
	BYTE_LIVE,
};

struct byte_picture {
	uint64_t address; /* of the arena */
	uint8_t kinds[1 << 20];
	size_t live;
};

static void paint(struct byte_picture *picture, uint64_t from, uint64_t size, enum byte_kind kind)
{
	for (uint64_t at = 0; at < size; at++)
		picture->kinds[from - picture->address + at] = kind;
}

/* Fills an arena at random, and records the state of its bytes. */
static void fill_at_random(struct heap *heap, struct byte_picture *picture, uint64_t *random)
{
	uint64_t pool_size = heap->layout.span_size;
	uint64_t pool = (picture->address + pool_size - 1) / pool_size * pool_size;

	*picture = (struct byte_picture){.address = picture->address};
	assert_int_equal(heap__add_region(heap, picture->address, heap->layout.region_size), 0);
	for (; pool + pool_size <= picture->address + heap->layout.region_size; pool += pool_size) {
		uint8_t size_class = (uint8_t)prng__below(random, 512 / heap->layout.map.alignment);
		uint64_t size = (size_class + 1U) * heap->layout.map.alignment;
		uint64_t capacity = (pool_size - 48) / size;
		uint32_t chance = prng__below(random, 4) * prng__below(random, 30);
		size_t live = 0;

		paint(picture, pool + 48, capacity * size, BYTE_AVAILABLE);
		for (uint32_t i = 0; i < capacity; i++) {
			if (prng__below(random, 100) >= chance)
				continue;
			paint(picture, sample_heap__add_block(heap, pool, size_class, i), size,
			      BYTE_LIVE);
			live++;
		}
		/* A pool without live blocks can be used by any class: all of it is available. */
		if (!live)
			paint(picture, pool, pool_size, BYTE_AVAILABLE);
		picture->live += live * size;
	}
}

static char sector_of(const struct byte_picture *picture, size_t from, size_t size)
{
	bool live = false, available = false;

	for (size_t i = from; i < from + size; i++) {
		live |= picture->kinds[i] == BYTE_LIVE;
		available |= picture->kinds[i] == BYTE_AVAILABLE;
	}
	return !live ? ' ' : available ? '-' : '*';
}

static void test_random_heaps(void **state)
{
	static const struct geometry alignment_8 = {.arena_size = SAMPLE_ARENA_BYTES,
						    .pool_size = SAMPLE_POOL_BYTES,
						    .alignment = 8};
	const struct geometry *geometries[] = {&sample_geometry, &sample_geometry_310,
					       &alignment_8};
	struct byte_picture *picture = malloc(sizeof(*picture));
	uint64_t random = 4;

	(void)state;
	assert_non_null(picture);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(geometries); i++) {
		const struct geometry *geometry = geometries[i / 2];
		_cleanup_(heap__freep) struct heap *heap = sample_heap__new_empty(geometry);
		_cleanup_(memory_map__free) struct memory_map map = {};
		const struct memory_map_region *region;

		/* Every second one is not aligned to its pools, as in older allocators. */
		picture->address = SAMPLE_A + (i & 1) * 0x310;
		fill_at_random(heap, picture, &random);
		assert_int_equal(memory_map__draw(&map, heap), 0);
		assert_int_equal(map.region_cnt, 1);
		region = &map.regions[0];
		assert_int_equal(region->start, picture->address);
		assert_int_equal(region->live_bytes, picture->live);
		assert_int_equal(strlen(region->sectors),
				 geometry->arena_size / region->sector_bytes);
		for (size_t at = 0; region->sectors[at]; at++)
			if (region->sectors[at] !=
			    sector_of(picture, at * region->sector_bytes, region->sector_bytes))
				fail_msg("heap %zu, sector %zu", i, at);
	}
	free(picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_block),
		cmocka_unit_test(test_full_pool_between_free_ones),
		cmocka_unit_test(test_regions_of_the_sample),
		cmocka_unit_test(test_empty_heap),
		cmocka_unit_test(test_sectors_grow_with_the_region),
		cmocka_unit_test(test_random_heaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
