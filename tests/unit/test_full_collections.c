// SPDX-License-Identifier: BSD-2-Clause
/*
 * The counter of full collections in the layouts of all versions, written by hand into a runtime
 * and interpreters that contain nothing else.
 */
#include "target/full_collections.h"

#include <errno.h>
#include <string.h>

#include "fake_memory.h"
#include "target/offsets.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define RUNTIME	    0x555555a00000UL
#define HEAD	    (RUNTIME + 0x20)
#define FIRST	    0x7f3b58600000UL
#define SECOND	    0x7f3b58700000UL
#define STATS	    0x7f3b58800000UL
#define STATE_BYTES 0x2000

/* Offsets in real builds; the first 3.7.0 is computed: PyGC_Head of 24 bytes. */
static const struct layout {
	const char *build;
	int minor;
	uint64_t generations, generation0, counter;
} layouts[] = {
	{"3.7.0", 7, 0x160, 0x1c0, 0x1c8 + 32 + 48}, {"3.7.16", 7, 0x160, 0x1f0, 0x260},
	{"3.8.18", 8, 0x170, 0x1b8, 0x208},	     {"3.9.18", 9, 0x280, 0x2c8, 0x318},
	{"3.10.13", 10, 0x280, 0x2c8, 0x318},	     {"3.11.7", 11, 0x2a0, 0x2e8, 0x338},
	{"3.12.1", 12, 0x88, 0xd0, 0x120},
};

struct world {
	struct fake_memory memory;
	struct runtime runtime;
	struct python python;
};

static void world__init(struct world *world, int minor)
{
	*world = (struct world){
		.runtime = {.address = RUNTIME, .interpreters_head = HEAD},
		.python = {.major = 3, .minor = minor, .runtime = RUNTIME},
	};
	world->runtime.offsets = *py_offsets__of_version(3, minor < 13 ? minor : 12);
	fake_memory__init(&world->memory);
	fake_memory__map(&world->memory, RUNTIME, 656);
	fake_memory__map(&world->memory, FIRST, STATE_BYTES);
	*fake_memory__word(&world->memory, HEAD) = FIRST;
}

static void world__release(struct world *world)
{
	fake_memory__release(&world->memory);
}

static void set_word(struct world *world, uint64_t address, uint64_t value)
{
	*fake_memory__word(&world->memory, address) = value;
}

static uint64_t read_sum(const struct world *world)
{
	uint64_t sum = 0;

	assert_int_equal(full_collections__read(&sum, &world->runtime, &world->memory.memory), 0);
	return sum;
}

static void test_located_by_generation0(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		const struct layout *layout = &layouts[i];
		uint64_t holder = layout->minor < 9 ? RUNTIME : FIRST;
		const struct py_offsets *offsets;
		struct world world;

		world__init(&world, layout->minor);
		offsets = &world.runtime.offsets;
		set_word(&world, holder + layout->generation0, holder + layout->generations);
		set_word(&world, holder + layout->counter, 41 + i);
		assert_int_equal(full_collections__locate(&world.runtime, &world.python,
							  &world.memory.memory),
				 0);
		assert_int_equal(offsets->full_collections_in_runtime,
				 layout->minor < 9 ? layout->counter : PY_NO_OFFSET);
		assert_int_equal(offsets->full_collections_in_interpreter,
				 layout->minor < 9 ? PY_NO_OFFSET : layout->counter);
		assert_int_equal(read_sum(&world), 41 + i);
		world__release(&world);
	}
}

static void test_not_there(void **state)
{
	(void)state;
	for (int minor = 7; minor <= 12; minor++) {
		struct world world;
		uint64_t sum = 99;

		world__init(&world, minor);
		/* Pointers to themselves at other offsets: an empty list, one generation off. */
		set_word(&world, FIRST + 0x280, FIRST + 0x280);
		set_word(&world, FIRST + 0x2c8, FIRST + 0x280 + 24);
		assert_int_equal(full_collections__locate(&world.runtime, &world.python,
							  &world.memory.memory),
				 0);
		assert_int_equal(full_collections__read(&sum, &world.runtime, &world.memory.memory),
				 -ENODATA);
		assert_int_equal(sum, 99);
		world__release(&world);
	}
}

static void test_no_interpreter_yet(void **state)
{
	struct world world;

	(void)state;
	world__init(&world, 11);
	set_word(&world, HEAD, 0);
	assert_int_equal(full_collections__locate(&world.runtime, &world.python,
						  &world.memory.memory),
			 0);
	assert_int_equal(world.runtime.offsets.full_collections_in_interpreter, PY_NO_OFFSET);
	/* An unreadable one is ignored; a process that has exited is an error. */
	set_word(&world, HEAD, 0x1000);
	assert_int_equal(full_collections__locate(&world.runtime, &world.python,
						  &world.memory.memory),
			 0);
	world.memory.error = -ESRCH;
	assert_int_equal(full_collections__locate(&world.runtime, &world.python,
						  &world.memory.memory),
			 -ESRCH);
	world__release(&world);
}

static void test_sum_over_interpreters(void **state)
{
	struct world world;
	uint64_t sum = 99;

	(void)state;
	world__init(&world, 12);
	world.runtime.offsets.full_collections_in_interpreter = 0x120;
	fake_memory__map(&world.memory, SECOND, STATE_BYTES);
	set_word(&world, HEAD, SECOND);
	set_word(&world, SECOND, FIRST);
	set_word(&world, FIRST + 0x120, 1000);
	set_word(&world, SECOND + 0x120, 7);
	assert_int_equal(read_sum(&world), 1007);
	/* An interpreter has ended: the list ends before it, and its counter is missing. */
	set_word(&world, SECOND, 0x1000);
	assert_int_equal(full_collections__read(&sum, &world.runtime, &world.memory.memory),
			 -EFAULT);
	assert_int_equal(sum, 99);
	world.memory.error = -ESRCH;
	assert_int_equal(full_collections__read(&sum, &world.runtime, &world.memory.memory),
			 -ESRCH);
	world__release(&world);
}

static void test_ring_of_records(void **state)
{
	struct world world;

	(void)state;
	world__init(&world, 15);
	world.runtime.offsets.interpreter_gc_stats = 0x1d50;
	world.runtime.offsets.gc_stats_full_collections = 0x3a0;
	world.runtime.offsets.gc_stats_record_size = 64;
	world.runtime.offsets.gc_stats_record_cnt = 3;
	fake_memory__map(&world.memory, STATS, 0x460);
	set_word(&world, FIRST + 0x1d50, STATS);
	assert_int_equal(read_sum(&world), 0);
	for (uint64_t collections = 1; collections < 10; collections++) {
		set_word(&world, STATS + 0x3a0 + collections % 3 * 64, collections);
		assert_int_equal(read_sum(&world), collections);
	}
	world__release(&world);
}

/* 2.7 has no counter, and in 3.6 only a symbol leads to it. */
static void test_address_of_the_counter(void **state)
{
	struct world world;
	uint64_t sum = 99;

	(void)state;
	world__init(&world, 6);
	set_word(&world, FIRST + 0x30, 5);
	world.runtime.full_collections = FIRST + 0x30;
	assert_int_equal(read_sum(&world), 5);
	world.python.major = 2;
	world.python.minor = 7;
	world.runtime = (struct runtime){.offsets = *py_offsets__of_version(2, 7)};
	assert_int_equal(full_collections__locate(&world.runtime, &world.python,
						  &world.memory.memory),
			 0);
	assert_int_equal(full_collections__read(&sum, &world.runtime, &world.memory.memory),
			 -ENODATA);
	assert_int_equal(sum, 99);
	world__release(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_located_by_generation0),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_no_interpreter_yet),
		cmocka_unit_test(test_sum_over_interpreters),
		cmocka_unit_test(test_ring_of_records),
		cmocka_unit_test(test_address_of_the_counter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
