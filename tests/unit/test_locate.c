// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/locate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_target.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

static void make_target(struct fake_target *target, const struct geometry *geometry,
			enum fake_layout layout)
{
	struct fake_options options = fake_target__options(geometry, layout);

	fake_target__init(target, &options);
}

static void alloc_some(struct fake_pymalloc *fake, uint32_t cnt, uint32_t size)
{
	for (uint32_t i = 0; i < cnt; i++)
		fake_pymalloc__alloc(fake, size);
}

/* Allocates until there are @cnt arenas. */
static void grow_to_arenas(struct fake_pymalloc *fake, size_t cnt)
{
	while (fake->arena_cnt < cnt)
		fake_pymalloc__alloc(fake, 512);
}

static int locate(const struct fake_target *target, struct obmalloc *out)
{
	struct data_image data;
	int err;

	*out = (struct obmalloc){};
	fake_target__copy_data(&target->memory, FAKE_DATA, FAKE_DATA_BYTES, &data);
	err = obmalloc__locate(out, &data, NULL, &target->memory.memory);
	data_image__free(&data);
	return err;
}

static bool reads_arenas_at(const struct obmalloc_state *allocator, uint64_t address)
{
	for (size_t i = 0; i < allocator->arenas_at_cnt; i++)
		if (allocator->arenas_at[i] == address)
			return true;
	return false;
}

/* The arenas read equal the existing ones, in the order of their addresses. */
static void check_arenas(struct obmalloc *obmalloc, const struct fake_target *target)
{
	const struct fake_pymalloc *fake = &target->pymalloc;
	struct region *arenas;
	uint64_t skipped = 0;
	size_t cnt;

	assert_int_equal(obmalloc__read_arenas(obmalloc, &target->memory.memory, &arenas, &cnt,
					       &skipped),
			 0);
	assert_int_equal(skipped, 0);
	assert_int_equal(cnt, fake->arena_cnt);
	for (size_t i = 0; i < cnt; i++) {
		bool there = false;

		for (size_t j = 0; j < fake->arena_cnt; j++)
			there |= fake->arenas[j] == arenas[i].address;
		assert_true(there);
		assert_true(!i || arenas[i - 1].address < arenas[i].address);
	}
	account__free(arenas);
}

static void test_located_in_every_build(void **state)
{
	static const size_t arenas[] = {1, 2, 16, 17, 40};

	(void)state;
	for (size_t g = 0; g < FAKE_GEOMETRY_CNT; g++)
		for (size_t i = 0; i < 2 * ARRAY_SIZE(arenas); i++) {
			struct obmalloc obmalloc;
			struct fake_target target;

			make_target(&target, &FAKE_GEOMETRIES[g],
				    i % 2 ? FAKE_STATIC : FAKE_INLINED);
			grow_to_arenas(&target.pymalloc, arenas[i / 2]);
			alloc_some(&target.pymalloc, 3, 40);
			assert_int_equal(locate(&target, &obmalloc), 0);
			assert_int_equal(obmalloc.cnt, 1);
			assert_memory_equal(&obmalloc.geometry, &FAKE_GEOMETRIES[g],
					    sizeof(obmalloc.geometry));
			assert_int_equal(obmalloc.items[0].used_pools, FAKE_TABLE);
			assert_true(reads_arenas_at(&obmalloc.items[0], target.pymalloc.arenas_at));
			check_arenas(&obmalloc, &target);
			obmalloc__free(&obmalloc);
			fake_target__release(&target);
		}
}

static void test_arenas_that_begin_anywhere(void **state)
{
	static const uint32_t skews[] = {4096, 12288, 8, 16384 - 8};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(skews); i++) {
		struct fake_options options = fake_target__options(NULL, FAKE_STATIC);
		struct obmalloc obmalloc;
		struct fake_target target;

		options.arena_skew = skews[i];
		fake_target__init(&target, &options);
		grow_to_arenas(&target.pymalloc, 3);
		assert_int_equal(locate(&target, &obmalloc), 0);
		assert_int_equal(obmalloc.geometry.arena_size, 1 << 20);
		check_arenas(&obmalloc, &target);
		obmalloc__free(&obmalloc);
		fake_target__release(&target);
	}
}

static void test_no_pymalloc(void **state)
{
	struct obmalloc obmalloc;
	struct fake_target target;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC);
	/* It exists but is not used: another allocator serves. */
	assert_int_equal(locate(&target, &obmalloc), -ENODATA);
	assert_null(obmalloc.items);
	/* Not there at all. */
	memset(fake_memory__at(&target.memory, FAKE_TABLE, 512), 0, 512);
	assert_int_equal(locate(&target, &obmalloc), -ENOENT);
	assert_null(obmalloc.items);
	fake_target__release(&target);
}

static void test_pools_without_arenas(void **state)
{
	struct obmalloc obmalloc;
	struct fake_target target;
	uint64_t *arenas;

	(void)state;
	make_target(&target, NULL, FAKE_INLINED);
	alloc_some(&target.pymalloc, 100, 40);
	arenas = fake_memory__word(&target.memory, target.pymalloc.arenas_at);
	/* A pointer into the array, but not to its start. */
	*arenas += sizeof(struct arena_object);
	memset(fake_memory__at(&target.memory, FAKE_DATA, 0x1000), 0, 0x1000);
	memset(fake_memory__at(&target.memory, FAKE_DATA + 0x2000, 0x2000), 0, 0x2000);
	assert_int_equal(locate(&target, &obmalloc), -EAGAIN);
	assert_null(obmalloc.items);
	*arenas -= sizeof(struct arena_object);
	assert_int_equal(locate(&target, &obmalloc), 0);
	obmalloc__free(&obmalloc);
	target.memory.error = -EPERM;
	assert_int_equal(locate(&target, &obmalloc), -EPERM);
	assert_null(obmalloc.items);
	fake_target__release(&target);
}

/* The array doubles and moves; its old memory keeps its content. */
static void test_array_that_grows_is_followed(void **state)
{
	struct obmalloc obmalloc;
	struct fake_target target;

	(void)state;
	make_target(&target, &FAKE_GEOMETRIES[1], FAKE_STATIC);
	alloc_some(&target.pymalloc, 1, 16);
	assert_int_equal(locate(&target, &obmalloc), 0);
	for (size_t arenas = 1; arenas < 140; arenas += 13) {
		grow_to_arenas(&target.pymalloc, arenas);
		check_arenas(&obmalloc, &target);
	}
	assert_int_equal(target.pymalloc.maxarenas, 256);
	while (target.pymalloc.block_cnt)
		fake_pymalloc__free_at(&target.pymalloc, target.pymalloc.block_cnt - 1);
	check_arenas(&obmalloc, &target);
	obmalloc__free(&obmalloc);
	fake_target__release(&target);
}

/* `usable_arenas` has the same value until the first arena is full. */
static void test_word_that_goes_astray_is_dropped(void **state)
{
	struct obmalloc obmalloc;
	struct fake_target target;
	uint64_t usable;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC);
	usable = target.pymalloc.options.usable_arenas_at;
	alloc_some(&target.pymalloc, 10, 16);
	assert_int_equal(locate(&target, &obmalloc), 0);
	assert_true(reads_arenas_at(&obmalloc.items[0], FAKE_ARENAS));
	assert_true(reads_arenas_at(&obmalloc.items[0], usable));
	grow_to_arenas(&target.pymalloc, 3);
	check_arenas(&obmalloc, &target);
	assert_true(reads_arenas_at(&obmalloc.items[0], FAKE_ARENAS));
	assert_false(reads_arenas_at(&obmalloc.items[0], usable));
	check_arenas(&obmalloc, &target);
	obmalloc__free(&obmalloc);
	fake_target__release(&target);
}

/* A stale copy of the array is correct until an arena is added. */
static void test_stale_copy_of_the_array_is_not_taken_for_long(void **state)
{
	struct obmalloc obmalloc;
	struct fake_target target;
	uint64_t copy = 0x555557000000;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC);
	alloc_some(&target.pymalloc, 10, 16);
	/*
	 * The pools of a stale array would still be at their addresses, but nothing points to it.
	 */
	fake_memory__map(&target.memory, copy, 65536);
	memcpy(fake_memory__at(&target.memory, copy, 768), fake_pymalloc__slot(&target.pymalloc, 0),
	       768);
	*fake_memory__word(&target.memory, FAKE_DATA + 0x80) = copy;
	assert_int_equal(locate(&target, &obmalloc), 0);
	check_arenas(&obmalloc, &target);
	assert_false(reads_arenas_at(&obmalloc.items[0], FAKE_DATA + 0x80));
	obmalloc__free(&obmalloc);
	fake_target__release(&target);
}

/* Moves the array just after its address was read: the old memory is overwritten. */
struct move {
	struct fake_target *target;
	uint32_t moves_left, seen;
};

static void move_array(void *context, uint64_t address, size_t size)
{
	struct move *move = context;
	struct fake_pymalloc *fake = &move->target->pymalloc;
	uint64_t *word = fake_memory__word(&move->target->memory, fake->arenas_at);
	size_t bytes = fake->maxarenas * sizeof(struct arena_object);
	uint64_t old = *word, new = fake->next_array;
	struct arena_object *slots;

	(void)size;
	if (address != old || !move->moves_left)
		return;
	move->moves_left--;
	slots = fake_memory__map(&move->target->memory, new, bytes);
	memcpy(slots, fake_memory__at(&move->target->memory, old, bytes), bytes);
	for (uint32_t i = 0; i < fake->maxarenas; i++)
		if (!slots[i].address && slots[i].nextarena)
			slots[i].nextarena += new - old;
	if (fake->unused_arena_objects)
		fake->unused_arena_objects += new - old;
	fake->next_array += 1 << 20;
	*word = new;
	memset(fake_memory__at(&move->target->memory, old, bytes), 0x5a, bytes);
}

static void test_array_that_moves_while_it_is_read(void **state)
{
	struct obmalloc obmalloc;
	struct fake_target target;
	struct move move = {.target = &target};

	(void)state;
	make_target(&target, &FAKE_GEOMETRIES[1], FAKE_STATIC);
	grow_to_arenas(&target.pymalloc, 20);
	assert_int_equal(locate(&target, &obmalloc), 0);
	target.memory.before_read = move_array;
	target.memory.context = &move;
	for (uint32_t moves = 1; moves < 20; moves += 6) {
		move.moves_left = moves;
		check_arenas(&obmalloc, &target);
		assert_int_equal(move.moves_left, 0);
	}
	obmalloc__free(&obmalloc);
	fake_target__release(&target);
}

static void test_array_that_is_never_right(void **state)
{
	struct obmalloc obmalloc;
	struct fake_target target;
	struct region *arenas = NULL;
	uint64_t skipped = 0;
	size_t cnt = 77;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC);
	alloc_some(&target.pymalloc, 10, 16);
	assert_int_equal(locate(&target, &obmalloc), 0);
	fake_pymalloc__slot(&target.pymalloc, 0)->ntotalpools = 5;
	assert_int_equal(obmalloc__read_arenas(&obmalloc, &target.memory.memory, &arenas, &cnt,
					       &skipped),
			 -EAGAIN);
	/* The word is no longer readable. */
	fake_memory__unmap(&target.memory, FAKE_DATA);
	assert_int_equal(obmalloc__read_arenas(&obmalloc, &target.memory.memory, &arenas, &cnt,
					       &skipped),
			 -EAGAIN);
	target.memory.error = -ESRCH;
	assert_int_equal(obmalloc__read_arenas(&obmalloc, &target.memory.memory, &arenas, &cnt,
					       &skipped),
			 -ESRCH);
	assert_null(arenas);
	assert_int_equal(cnt, 77);
	assert_int_equal(skipped, 0);
	obmalloc__free(&obmalloc);
	fake_target__release(&target);
}

static void test_arenas_that_overlap_are_refused(void **state)
{
	struct obmalloc obmalloc;
	struct fake_target target;
	struct arena_object *slot;
	struct region *arenas = NULL;
	uint64_t skipped = 0;
	size_t cnt = 0;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC);
	grow_to_arenas(&target.pymalloc, 2);
	assert_int_equal(locate(&target, &obmalloc), 0);
	/* The second arena, not used yet, overlaps half a megabyte of the first. */
	slot = fake_pymalloc__slot(&target.pymalloc, 1);
	*slot = (struct arena_object){.address = target.pymalloc.arenas[0] + (1 << 19),
				      .pool_address = target.pymalloc.arenas[0] + (1 << 19),
				      .nfreepools = 64,
				      .ntotalpools = 64};
	assert_int_equal(obmalloc__read_arenas(&obmalloc, &target.memory.memory, &arenas, &cnt,
					       &skipped),
			 -EUCLEAN);
	assert_null(arenas);
	/* An arena directly after another is valid. */
	slot->address = slot->pool_address = target.pymalloc.arenas[0] + (1 << 20);
	assert_int_equal(obmalloc__read_arenas(&obmalloc, &target.memory.memory, &arenas, &cnt,
					       &skipped),
			 0);
	assert_int_equal(cnt, 2);
	account__free(arenas);
	obmalloc__free(&obmalloc);
	fake_target__release(&target);
}

/* A second allocator, whose state is at @address. */
static void add_allocator(struct fake_target *target, struct obmalloc *obmalloc,
			  struct fake_pymalloc *second, uint64_t address)
{
	struct fake_options options = fake_target__options(NULL, FAKE_INLINED);

	fake_memory__map(&target->memory, address, 4096);
	options.table_address = address;
	options.arrays_address += 1UL << 36;
	options.arenas_below -= 1UL << 30;
	fake_pymalloc__init(second, &target->memory, &options);
	alloc_some(second, 4000, 500);
	obmalloc->items = realloc(obmalloc->items, 2 * sizeof(*obmalloc->items));
	assert_non_null(obmalloc->items);
	obmalloc->items[1] = (struct obmalloc_state){.used_pools = address,
						     .arenas_at = {address + 512},
						     .arenas_at_cnt = 1};
	obmalloc->cnt = 2;
}

static void test_allocators_are_read_together(void **state)
{
	struct obmalloc obmalloc;
	struct fake_pymalloc second;
	struct fake_target target;
	struct region *arenas = NULL;
	uint64_t skipped = 0;
	size_t cnt = 0, expected;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC);
	grow_to_arenas(&target.pymalloc, 3);
	assert_int_equal(locate(&target, &obmalloc), 0);
	add_allocator(&target, &obmalloc, &second, 0x555558000000);
	expected = second.arena_cnt + 3;
	assert_int_equal(obmalloc__read_arenas(&obmalloc, &target.memory.memory, &arenas, &cnt,
					       &skipped),
			 0);
	assert_int_equal(cnt, expected);
	assert_int_equal(skipped, 0);
	/* The second allocator's arenas have lower addresses. */
	assert_true(arenas[0].address < arenas[cnt - 1].address - (1UL << 29));
	account__free(arenas);
	/* Its interpreter has ended: it is left out, and that is counted. */
	fake_memory__unmap(&target.memory, 0x555558000000);
	assert_int_equal(obmalloc__read_arenas(&obmalloc, &target.memory.memory, &arenas, &cnt,
					       &skipped),
			 0);
	assert_int_equal(cnt, 3);
	assert_int_equal(skipped, 1);
	account__free(arenas);
	fake_pymalloc__release(&second);
	obmalloc__free(&obmalloc);
	fake_target__release(&target);
}

/* The target continues: a few steps before each piece that is read. */
static void step_on(void *context, uint64_t address, size_t size)
{
	struct fake_target *target = context;

	(void)address;
	(void)size;
	fake_pymalloc__step(&target->pymalloc, 20000);
}

/* -EAGAIN is allowed, because the copy of the data may be older than the array. But not forever. */
static void test_located_while_the_target_runs(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct obmalloc obmalloc;
		struct fake_target target;
		int err = -EAGAIN;

		make_target(&target, &FAKE_GEOMETRIES[1 + i % 2],
			    i & 2 ? FAKE_STATIC : FAKE_INLINED);
		for (int step = 0; step < 20000 + i * 1000; step++)
			fake_pymalloc__step(&target.pymalloc, 20000);
		target.memory.before_read = step_on;
		target.memory.context = &target;
		for (int try = 0; try < 4 && err == -EAGAIN; try++)
			err = locate(&target, &obmalloc);
		assert_int_equal(err, 0);
		assert_true(reads_arenas_at(&obmalloc.items[0], target.pymalloc.arenas_at));
		target.memory.before_read = NULL;
		check_arenas(&obmalloc, &target);
		obmalloc__free(&obmalloc);
		fake_target__release(&target);
	}
}

/* Data read piece by piece gives the same result as a copy. */
static void test_data_that_is_not_copied(void **state)
{
	struct data_segment segment = {.address = FAKE_DATA, .size = FAKE_DATA_BYTES};
	const struct data_image data = {.segments = &segment, .segment_cnt = 1};
	struct fake_options options = fake_target__options(NULL, FAKE_STATIC);
	struct obmalloc obmalloc = {};
	struct fake_target target;

	(void)state;
	fake_target__init(&target, &options);
	grow_to_arenas(&target.pymalloc, 3);
	assert_int_equal(obmalloc__locate(&obmalloc, &data, NULL, &target.memory.memory), 0);
	assert_int_equal(obmalloc.items[0].used_pools, FAKE_TABLE);
	assert_true(reads_arenas_at(&obmalloc.items[0], FAKE_ARENAS));
	obmalloc__free(&obmalloc);
	fake_target__release(&target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_located_in_every_build),
		cmocka_unit_test(test_arenas_that_begin_anywhere),
		cmocka_unit_test(test_no_pymalloc),
		cmocka_unit_test(test_pools_without_arenas),
		cmocka_unit_test(test_array_that_grows_is_followed),
		cmocka_unit_test(test_word_that_goes_astray_is_dropped),
		cmocka_unit_test(test_stale_copy_of_the_array_is_not_taken_for_long),
		cmocka_unit_test(test_array_that_moves_while_it_is_read),
		cmocka_unit_test(test_array_that_is_never_right),
		cmocka_unit_test(test_arenas_that_overlap_are_refused),
		cmocka_unit_test(test_allocators_are_read_together),
		cmocka_unit_test(test_located_while_the_target_runs),
		cmocka_unit_test(test_data_that_is_not_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
