// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/arena_threads.h"

#include <string.h>

#include "fake_memory.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define THREADS	     3
#define BLOCK_BYTES  0x1000UL
#define BLOCKS	     0x7f0000000000UL
#define FIRST_ARENA  0x7f1000000030UL
#define SECOND_ARENA 0x7f0c00000030UL

/* Threads with a page below each thread pointer, and two arenas. */
struct fixture {
	struct fake_memory memory;
	struct target target;
	struct thread_stack items[THREADS];
	struct thread_stacks stacks;
	struct malloc_arena arenas[2];
	struct malloc_areas areas;
};

static void fixture__init(struct fixture *fixture)
{
	*fixture = (struct fixture){
		.stacks = {.items = fixture->items, .cnt = THREADS},
		.arenas = {{.address = FIRST_ARENA}, {.address = SECOND_ARENA}},
		.areas = {.items = {{.arenas = fixture->arenas, .arena_cnt = 2}}, .cnt = 1},
	};
	fake_memory__init(&fixture->memory);
	fixture->target.memory = &fixture->memory.memory;
	for (size_t i = 0; i < THREADS; i++) {
		uint64_t block = BLOCKS + 2 * i * BLOCK_BYTES;

		fake_memory__map(&fixture->memory, block, BLOCK_BYTES);
		fixture->items[i] = (struct thread_stack){.thread = (pid_t)(1 + i),
							  .thread_pointer = block + BLOCK_BYTES};
	}
}

static void put(struct fixture *fixture, size_t thread, uint64_t distance, uint64_t word)
{
	uint64_t address = fixture->items[thread].thread_pointer - distance;

	memcpy(fake_memory__at(&fixture->memory, address, sizeof(word)), &word, sizeof(word));
}

static void assert_arenas(struct fixture *fixture, uint64_t first, uint64_t second, uint64_t third)
{
	assert_int_equal(arena_threads__find(&fixture->stacks, &fixture->areas, &fixture->target),
			 0);
	assert_int_equal(fixture->items[0].arena, first);
	assert_int_equal(fixture->items[1].arena, second);
	assert_int_equal(fixture->items[2].arena, third);
	fake_memory__release(&fixture->memory);
}

/* The addresses that two threads have in their stacks do not count; one never allocated. */
static void test_distance_is_that_of_most_threads(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	put(&fixture, 0, 2048, FIRST_ARENA);
	put(&fixture, 1, 2048, SECOND_ARENA);
	put(&fixture, 2, 2048, SECOND_ARENA);
	put(&fixture, 0, 56, SECOND_ARENA);
	put(&fixture, 1, 56, SECOND_ARENA);
	assert_arenas(&fixture, FIRST_ARENA, SECOND_ARENA, SECOND_ARENA);
}

static void test_least_of_equal_distances(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	put(&fixture, 1, 8, FIRST_ARENA);
	put(&fixture, 1, 1000, SECOND_ARENA);
	assert_arenas(&fixture, 0, FIRST_ARENA, 0);
}

static void test_threads_that_cannot_be_read(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	put(&fixture, 0, 64, FIRST_ARENA);
	put(&fixture, 1, 64, FIRST_ARENA);
	put(&fixture, 2, 64, FIRST_ARENA);
	fixture.items[0].thread = 0; /* has ended */
	fixture.items[1].thread_pointer += BLOCK_BYTES;
	assert_arenas(&fixture, 0, 0, FIRST_ARENA);
}

static void test_no_arena_anywhere(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	put(&fixture, 0, 64, FIRST_ARENA + 16);
	put(&fixture, 1, 2056, FIRST_ARENA);
	assert_arenas(&fixture, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance_is_that_of_most_threads),
		cmocka_unit_test(test_least_of_equal_distances),
		cmocka_unit_test(test_threads_that_cannot_be_read),
		cmocka_unit_test(test_no_arena_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
