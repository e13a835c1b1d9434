// SPDX-License-Identifier: BSD-2-Clause
/* user/pymalloc/subinterpreters.c; its one function is declared in locate.h. */
#include <errno.h>
#include <stdlib.h>

#include "fake_target.h"
#include "pymalloc/checkpoint.h"
#include "pymalloc/locate.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define INTERPRETER_BYTES (200UL << 10)
/* Offset of the state, or of a pointer to it, in PyInterpreterState. */
#define STATE_OFFSET   0x1130
#define POINTER_OFFSET 0x2a9f8

/* As if both were in one static structure: they are close together in 3.13. */
#define MAIN   ((FAKE_TABLE & ~0xfffUL) - 0x80000)
#define SECOND 0x555557100000UL
#define THIRD  0x555557200000UL

/* The address of the state of an interpreter of 3.13 and later. */
#define SECOND_STATE 0x555558000010UL
#define THIRD_STATE  0x555558010010UL

static void start_allocator(struct fake_pymalloc *fake, struct fake_memory *memory, uint64_t table,
			    uint32_t number, const struct geometry *geometry)
{
	struct fake_options options = fake_target__options(geometry, FAKE_INLINED);

	options.table_address = table;
	options.arrays_address += (uint64_t)number << 36;
	options.arenas_below -= (uint64_t)number << 30;
	options.seed = number;
	fake_pymalloc__init(fake, memory, &options);
}

static void use_allocator(struct fake_pymalloc *fake)
{
	for (int i = 0; i < 12000; i++)
		fake_pymalloc__step(fake, 6000);
}

/* Reads all heaps of @obmalloc, and compares them with the blocks of these @cnt allocators. */
static void check_heaps(struct obmalloc *obmalloc, const struct fake_memory *memory,
			const struct fake_pymalloc *const *fakes, size_t cnt)
{
	struct checkpoint_counts counts = {};
	struct heap *heap = NULL;

	assert_int_equal(checkpoint__read(&heap, obmalloc, &memory->memory, NULL, &counts), 0);
	assert_int_equal(counts.skipped_interpreters, 0);
	check_heap(heap, fakes, cnt);
	heap__free(heap);
}

/* Returns how many were skipped. */
static uint64_t add(struct obmalloc *obmalloc, const struct fake_target *target,
		    const uint64_t *interpreters, size_t cnt)
{
	uint64_t skipped = 0;

	assert_int_equal(obmalloc__add_interpreters(obmalloc, interpreters, cnt,
						    &target->memory.memory, &skipped),
			 0);
	assert_true(obmalloc->cnt >= 1);
	assert_int_equal(obmalloc->items[0].used_pools, target->pymalloc.options.table_address);
	return skipped;
}

/* From 3.13 on: each interpreter points to a state; the main one's is static. */
struct pointing {
	struct fake_target target;
	struct obmalloc obmalloc;
	struct fake_pymalloc second, third;
};

static void set_state(struct pointing *pointing, uint64_t interpreter, uint64_t state)
{
	*fake_memory__word(&pointing->target.memory, interpreter + POINTER_OFFSET) = state;
}

static void make_pointing(struct pointing *pointing)
{
	struct fake_options options = fake_target__options(NULL, FAKE_INLINED);
	struct fake_memory *memory = &pointing->target.memory;

	fake_target__init(&pointing->target, &options);
	use_allocator(&pointing->target.pymalloc);
	pointing->obmalloc = fake_target__locate(&pointing->target);
	fake_memory__map(memory, MAIN, INTERPRETER_BYTES);
	fake_memory__map(memory, SECOND, INTERPRETER_BYTES);
	fake_memory__map(memory, THIRD, INTERPRETER_BYTES);
	fake_memory__map(memory, SECOND_STATE & ~0xfffUL, 4096);
	fake_memory__map(memory, THIRD_STATE & ~0xfffUL, 4096);
	start_allocator(&pointing->second, memory, SECOND_STATE, 1, NULL);
	start_allocator(&pointing->third, memory, THIRD_STATE, 2, NULL);
	set_state(pointing, MAIN, FAKE_TABLE);
}

static void release_pointing(struct pointing *pointing)
{
	obmalloc__free(&pointing->obmalloc);
	fake_pymalloc__release(&pointing->second);
	fake_pymalloc__release(&pointing->third);
	fake_target__release(&pointing->target);
}

static void test_state_behind_a_pointer(void **state)
{
	const uint64_t interpreters[] = {THIRD, SECOND, MAIN};
	struct pointing pointing;

	(void)state;
	make_pointing(&pointing);
	use_allocator(&pointing.second);
	use_allocator(&pointing.third);
	set_state(&pointing, SECOND, SECOND_STATE);
	set_state(&pointing, THIRD, THIRD_STATE);
	add(&pointing.obmalloc, &pointing.target, interpreters, 3);
	assert_int_equal(pointing.obmalloc.cnt, 3);
	check_heaps(&pointing.obmalloc, &pointing.target.memory,
		    (const struct fake_pymalloc *[]){&pointing.target.pymalloc, &pointing.second,
						     &pointing.third},
		    3);
	/* One ends; nothing of it stays. */
	add(&pointing.obmalloc, &pointing.target, interpreters + 1, 2);
	assert_int_equal(pointing.obmalloc.cnt, 2);
	check_heaps(&pointing.obmalloc, &pointing.target.memory,
		    (const struct fake_pymalloc *[]){&pointing.target.pymalloc, &pointing.second},
		    2);
	add(&pointing.obmalloc, &pointing.target, interpreters + 2, 1);
	assert_int_equal(pointing.obmalloc.cnt, 1);
	check_heaps(&pointing.obmalloc, &pointing.target.memory,
		    (const struct fake_pymalloc *[]){&pointing.target.pymalloc}, 1);
	release_pointing(&pointing);
}

/* The arenas of one are swapped out: they are known, and nothing of what is in them. */
static void test_state_whose_pools_are_swapped_out(void **state)
{
	const uint64_t interpreters[] = {SECOND, MAIN};
	struct checkpoint_counts counts = {};
	struct heap_measure measure;
	struct pointing pointing;
	struct heap *heap = NULL;
	size_t arena_cnt;

	(void)state;
	make_pointing(&pointing);
	use_allocator(&pointing.second);
	set_state(&pointing, SECOND, SECOND_STATE);
	for (size_t i = 0; i < pointing.second.arena_cnt && i < 8; i++)
		fake_memory__swap_out(&pointing.target.memory, pointing.second.arenas[i],
				      pointing.second.geometry.arena_size);
	add(&pointing.obmalloc, &pointing.target, interpreters, 2);
	assert_int_equal(pointing.obmalloc.cnt, 2);
	assert_int_equal(checkpoint__read(&heap, &pointing.obmalloc, &pointing.target.memory.memory,
					  NULL, &counts),
			 0);
	assert_int_equal(heap__measure(heap, &measure), 0);
	arena_cnt = pointing.target.pymalloc.arena_cnt + pointing.second.arena_cnt;
	assert_int_equal(measure.totals.regions, arena_cnt);
	assert_int_equal(measure.totals.live_blocks, pointing.target.pymalloc.block_cnt);
	assert_true(measure.totals.unread_spans > 0);
	heap_measure__free(&measure);
	heap__free(heap);
	release_pointing(&pointing);
}

static void test_interpreters_without_an_allocator_of_their_own(void **state)
{
	const struct {
		uint64_t state, found, skipped;
	} rows[] = {
		{FAKE_TABLE, 0, 0},	/* use_main_obmalloc */
		{0, 0, 0},		/* not set up yet */
		{SECOND_STATE, 1, 0},	/* set up, without allocations */
		{MAIN, 0, 1},		/* no state */
		{0x123456789000, 0, 1}, /* unmapped */
		{UINT64_MAX - 7, 0, 1},
	};
	struct pointing pointing;

	(void)state;
	make_pointing(&pointing);
	use_allocator(&pointing.third);
	set_state(&pointing, THIRD, THIRD_STATE);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t skipped;

		set_state(&pointing, SECOND, rows[i].state);
		/* The other one is found nevertheless. */
		skipped = add(&pointing.obmalloc, &pointing.target,
			      (uint64_t[]){THIRD, SECOND, MAIN}, 3);
		assert_int_equal(skipped, rows[i].skipped);
		assert_int_equal(pointing.obmalloc.cnt, 2 + rows[i].found);
		assert_int_equal(pointing.obmalloc.items[1].used_pools, THIRD_STATE);
		check_heaps(&pointing.obmalloc, &pointing.target.memory,
			    (const struct fake_pymalloc *[]){&pointing.target.pymalloc,
							     &pointing.third},
			    2);
	}
	release_pointing(&pointing);
}

static void test_interpreter_that_is_gone(void **state)
{
	const uint64_t interpreters[] = {THIRD, SECOND, MAIN};
	struct pointing pointing;

	(void)state;
	make_pointing(&pointing);
	use_allocator(&pointing.third);
	set_state(&pointing, THIRD, THIRD_STATE);
	fake_memory__unmap(&pointing.target.memory, SECOND);
	assert_int_equal(add(&pointing.obmalloc, &pointing.target, interpreters, 3), 1);
	assert_int_equal(pointing.obmalloc.cnt, 2);
	/* Its state is unmapped, its arenas are not. */
	fake_memory__unmap(&pointing.target.memory, THIRD_STATE & ~0xfffUL);
	assert_int_equal(add(&pointing.obmalloc, &pointing.target, interpreters, 3), 2);
	assert_int_equal(pointing.obmalloc.cnt, 1);
	release_pointing(&pointing);
}

/* It has freed all of its blocks, and has yet to unmap its arenas: they are still in its table. */
static void test_interpreter_that_is_about_to_unmap_its_arenas(void **state)
{
	const uint64_t interpreters[] = {SECOND, MAIN};
	struct pointing pointing;

	(void)state;
	make_pointing(&pointing);
	pointing.second.options.keeps_empty_arena = true;
	use_allocator(&pointing.second);
	while (pointing.second.block_cnt)
		fake_pymalloc__free_at(&pointing.second, pointing.second.block_cnt - 1);
	assert_true(pointing.second.arena_cnt > 0);
	set_state(&pointing, SECOND, SECOND_STATE);
	assert_int_equal(add(&pointing.obmalloc, &pointing.target, interpreters, 2), 0);
	assert_int_equal(pointing.obmalloc.cnt, 2);
	check_heaps(&pointing.obmalloc, &pointing.target.memory,
		    (const struct fake_pymalloc *[]){&pointing.target.pymalloc, &pointing.second},
		    2);
	release_pointing(&pointing);
}

/* A state with another pool size does not belong to this process. */
static void test_state_with_another_pool_size(void **state)
{
	struct pointing pointing;

	(void)state;
	make_pointing(&pointing);
	fake_pymalloc__release(&pointing.second);
	start_allocator(&pointing.second, &pointing.target.memory, SECOND_STATE, 1,
			&FAKE_GEOMETRIES[1]);
	use_allocator(&pointing.second);
	set_state(&pointing, SECOND, SECOND_STATE);
	assert_int_equal(add(&pointing.obmalloc, &pointing.target, (uint64_t[]){SECOND, MAIN}, 2),
			 1);
	assert_int_equal(pointing.obmalloc.cnt, 1);
	release_pointing(&pointing);
}

static void test_place_that_cannot_be_found(void **state)
{
	struct pointing pointing;

	(void)state;
	make_pointing(&pointing);
	use_allocator(&pointing.second);
	set_state(&pointing, MAIN, 0);
	set_state(&pointing, SECOND, SECOND_STATE);
	assert_int_equal(add(&pointing.obmalloc, &pointing.target, (uint64_t[]){SECOND, MAIN}, 2),
			 1);
	assert_int_equal(pointing.obmalloc.cnt, 1);
	release_pointing(&pointing);
}

static void test_process_that_is_gone(void **state)
{
	struct pointing pointing;
	uint64_t skipped = 0;

	(void)state;
	make_pointing(&pointing);
	pointing.target.memory.error = -ESRCH;
	assert_int_equal(obmalloc__add_interpreters(&pointing.obmalloc, (uint64_t[]){SECOND, MAIN},
						    2, &pointing.target.memory.memory, &skipped),
			 -ESRCH);
	release_pointing(&pointing);
}

/* 3.12: the state is part of the structure; the main interpreter's is static. */
static void test_state_inside_the_structure(void **state)
{
	const uint64_t main = FAKE_TABLE - STATE_OFFSET;
	const uint64_t interpreters[] = {THIRD, SECOND, main};
	struct fake_options options = fake_target__options(NULL, FAKE_INLINED);
	struct fake_pymalloc second, third;
	struct obmalloc obmalloc;
	struct fake_target target;

	(void)state;
	fake_target__init(&target, &options);
	fake_memory__map(&target.memory, SECOND, INTERPRETER_BYTES);
	fake_memory__map(&target.memory, THIRD, INTERPRETER_BYTES);
	start_allocator(&second, &target.memory, SECOND + STATE_OFFSET, 1, NULL);
	start_allocator(&third, &target.memory, THIRD + STATE_OFFSET, 2, NULL);
	use_allocator(&target.pymalloc);
	use_allocator(&second);
	obmalloc = fake_target__locate(&target);
	/* The third has a state, too, like all in 3.12, but uses the main interpreter's. */
	add(&obmalloc, &target, interpreters, 3);
	assert_int_equal(obmalloc.cnt, 3);
	check_heaps(&obmalloc, &target.memory,
		    (const struct fake_pymalloc *[]){&target.pymalloc, &second}, 2);
	use_allocator(&third);
	add(&obmalloc, &target, interpreters, 3);
	assert_int_equal(obmalloc.cnt, 3);
	check_heaps(&obmalloc, &target.memory,
		    (const struct fake_pymalloc *[]){&target.pymalloc, &second, &third}, 3);
	fake_memory__unmap(&target.memory, SECOND);
	assert_int_equal(add(&obmalloc, &target, interpreters, 3), 1);
	assert_int_equal(obmalloc.cnt, 2);
	assert_int_equal(obmalloc.items[1].used_pools, THIRD + STATE_OFFSET);
	add(&obmalloc, &target, interpreters + 2, 1);
	assert_int_equal(obmalloc.cnt, 1);
	obmalloc__free(&obmalloc);
	fake_pymalloc__release(&second);
	fake_pymalloc__release(&third);
	fake_target__release(&target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_whose_pools_are_swapped_out),
		cmocka_unit_test(test_state_behind_a_pointer),
		cmocka_unit_test(test_interpreters_without_an_allocator_of_their_own),
		cmocka_unit_test(test_interpreter_that_is_gone),
		cmocka_unit_test(test_interpreter_that_is_about_to_unmap_its_arenas),
		cmocka_unit_test(test_state_with_another_pool_size),
		cmocka_unit_test(test_place_that_cannot_be_found),
		cmocka_unit_test(test_process_that_is_gone),
		cmocka_unit_test(test_state_inside_the_structure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
