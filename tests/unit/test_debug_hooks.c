// SPDX-License-Identifier: BSD-2-Clause
#include "source/debug_hooks.h"

#include <errno.h>
#include <string.h>

#include "fake_target.h"
#include "prng.h"
#include "unit_test.h"
#include "util/array.h"

/* A heap with exactly the blocks of a fake allocator. */
struct sample {
	struct fake_target target;
	struct heap *heap;
};

static void make_sample(struct sample *sample, const struct geometry *geometry, uint32_t blocks)
{
	struct fake_options options = fake_target__options(geometry, FAKE_STATIC);
	struct fake_pymalloc *fake = &sample->target.pymalloc;
	uint64_t random = 5;

	fake_target__init(&sample->target, &options);
	assert_int_equal(heap__new(&sample->heap, LAYOUT_OF(&options.geometry), NULL), 0);
	for (uint32_t i = 0; i < blocks; i++) {
		uint64_t block = fake_pymalloc__alloc(fake, 17 + prng__below(&random, 496));
		bool was_live;

		assert_int_equal(block_map__insert(sample->heap->blocks, block, &was_live), 0);
	}
	for (size_t i = 0; i < fake->arena_cnt; i++) {
		assert_int_equal(ACCOUNT_RESERVE(NULL, sample->heap->regions,
						 sample->heap->region_capacity, i + 1),
				 0);
		/* They are mapped downwards. */
		sample->heap->regions[i] =
			(struct region){.address = fake->arenas[fake->arena_cnt - 1 - i],
					.size = fake->geometry.arena_size};
		sample->heap->region_cnt++;
	}
}

static void release_sample(struct sample *sample)
{
	heap__free(sample->heap);
	fake_target__release(&sample->target);
}

/*
 * Writes what _PyMem_DebugRawAlloc() writes before the user's bytes: big-endian size, API,
 * forbidden bytes.
 */
static void write_frame(struct sample *sample, uint64_t block, char api, uint8_t forbidden)
{
	uint8_t *bytes = fake_memory__at(&sample->target.memory, block, 16);

	memset(bytes, 0, 8);
	bytes[7] = 8;
	bytes[8] = (uint8_t)api;
	memset(bytes + 9, forbidden, 7);
}

static void write_frames(struct sample *sample, char api, uint8_t forbidden)
{
	const struct fake_pymalloc *fake = &sample->target.pymalloc;

	for (size_t i = 0; i < fake->block_cnt; i++)
		write_frame(sample, fake->blocks[i].address, api, forbidden);
}

static void check_detected(const struct sample *sample, bool expected)
{
	bool present = !expected;

	assert_int_equal(debug_hooks__detect(sample->heap, &sample->target.memory.memory, &present),
			 0);
	assert_int_equal(present, expected);
}

static void test_frames_of_every_version_are_seen(void **state)
{
	(void)state;
	for (size_t g = 0; g < FAKE_GEOMETRY_CNT; g++)
		for (uint32_t blocks = 1; blocks < 10000; blocks *= 9) {
			struct sample sample;

			make_sample(&sample, &FAKE_GEOMETRIES[g], blocks);
			check_detected(&sample, false);
			for (const char *api = "rmo"; *api; api++) {
				write_frames(&sample, *api, 0xfb); /* up to 3.7 */
				check_detected(&sample, true);
				write_frames(&sample, *api, 0xfd); /* from 3.8 */
				check_detected(&sample, true);
			}
			release_sample(&sample);
		}
}

static void test_what_is_no_frame(void **state)
{
	struct sample sample;

	(void)state;
	make_sample(&sample, NULL, 500);
	write_frames(&sample, 'x', 0xfd);
	check_detected(&sample, false);
	write_frames(&sample, 'o', 0xdd); /* dead bytes, not forbidden ones */
	check_detected(&sample, false);
	write_frames(&sample, 'o', 0);
	check_detected(&sample, false);
	for (size_t byte = 9; byte < 16; byte++) {
		write_frames(&sample, 'o', 0xfd);
		for (size_t i = 0; i < sample.target.pymalloc.block_cnt; i++) {
			uint64_t block = sample.target.pymalloc.blocks[i].address;
			uint8_t *bytes = fake_memory__at(&sample.target.memory, block, 16);

			bytes[byte] = 0xfb;
		}
		check_detected(&sample, false);
	}
	release_sample(&sample);
}

/* A block may resemble one with hooks by chance, and some with hooks may be damaged. */
static void test_most_blocks_decide(void **state)
{
	struct sample sample;
	struct fake_pymalloc *fake = &sample.target.pymalloc;

	(void)state;
	make_sample(&sample, NULL, 3000);
	for (size_t i = 0; i < fake->block_cnt; i++)
		if (fake->blocks[i].size_class % 4 == 0)
			write_frame(&sample, fake->blocks[i].address, 'm', 0xfd);
	check_detected(&sample, false);
	for (size_t i = 0; i < fake->block_cnt; i++)
		if (fake->blocks[i].size_class % 4 != 1)
			write_frame(&sample, fake->blocks[i].address, 'm', 0xfd);
	check_detected(&sample, true);
	release_sample(&sample);
}

static void test_nothing_to_look_at(void **state)
{
	struct sample sample;
	bool present = true;

	(void)state;
	make_sample(&sample, NULL, 0);
	check_detected(&sample, false);
	release_sample(&sample);
	make_sample(&sample, NULL, 100);
	write_frames(&sample, 'o', 0xfd);
	check_detected(&sample, true);
	/* Its memory is unmapped, so that its blocks do not count. */
	fake_memory__unmap(&sample.target.memory, sample.target.pymalloc.arenas[0]);
	check_detected(&sample, false);
	sample.target.memory.error = -ESRCH;
	assert_int_equal(debug_hooks__detect(sample.heap, &sample.target.memory.memory, &present),
			 -ESRCH);
	assert_true(present);
	release_sample(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_of_every_version_are_seen),
		cmocka_unit_test(test_what_is_no_frame),
		cmocka_unit_test(test_most_blocks_decide),
		cmocka_unit_test(test_nothing_to_look_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
