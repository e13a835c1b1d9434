// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/used_pools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_target.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* A target that has allocated @blocks blocks of random sizes. */
static void make_target(struct fake_target *target, const struct geometry *geometry,
			enum fake_layout layout, uint32_t blocks)
{
	struct fake_options options = fake_target__options(geometry, layout);
	uint64_t random = 41;

	fake_target__init(target, &options);
	for (uint32_t i = 0; i < blocks; i++)
		fake_pymalloc__alloc(&target->pymalloc, 1 + prng__below(&random, 512));
}

static int find(const struct fake_target *target, struct used_pools *table,
		struct used_pools_evidence *evidence)
{
	struct data_image data;
	int err;

	fake_target__copy_data(&target->memory, FAKE_DATA, FAKE_DATA_BYTES, &data);
	err = used_pools__find(table, evidence, &data, &target->memory.memory);
	data_image__free(&data);
	return err;
}

static int check(const struct fake_target *target, struct used_pools *table,
		 struct used_pools_evidence *evidence)
{
	unsigned int retries = USED_POOLS_RETRIES_MAX;

	*table = (struct used_pools){.address = FAKE_TABLE,
				     .class_cnt = 512 / target->pymalloc.geometry.alignment};
	return used_pools__check(table, evidence, &target->memory.memory, &retries);
}

static bool pool_has_live_block(const struct fake_pymalloc *fake, uint64_t pool)
{
	for (size_t i = 0; i < fake->block_cnt; i++)
		if (fake->blocks[i].address / fake->geometry.pool_size ==
		    pool / fake->geometry.pool_size)
			return true;
	return false;
}

/* The pools found as evidence have live blocks, and belong to the arena that they say. */
static void check_evidence(const struct fake_target *target,
			   const struct used_pools_evidence *evidence)
{
	const struct fake_pymalloc *fake = &target->pymalloc;

	assert_int_equal(evidence->geometry.pool_size, fake->geometry.pool_size);
	assert_int_equal(evidence->geometry.alignment, fake->geometry.alignment);
	assert_int_equal(evidence->geometry.arena_size, 0);
	assert_true(evidence->witness_cnt > 0 && evidence->witness_cnt <= POOL_WITNESSES_MAX);
	for (size_t i = 0; i < evidence->witness_cnt; i++) {
		const struct pool_witness *witness = &evidence->witnesses[i];
		const struct arena_object *slot;

		assert_int_equal(witness->pool % fake->geometry.pool_size, 0);
		assert_true(pool_has_live_block(fake, witness->pool));
		slot = fake_pymalloc__slot(fake, witness->arena_index);
		assert_true(witness->pool - slot->address < fake->geometry.arena_size);
	}
}

static void check_found(const struct fake_target *target)
{
	struct used_pools_evidence evidence;
	struct used_pools table;

	assert_int_equal(find(target, &table, &evidence), 0);
	assert_int_equal(table.address, FAKE_TABLE);
	assert_int_equal(table.class_cnt, 512 / target->pymalloc.geometry.alignment);
	check_evidence(target, &evidence);
}

static void check_not_found(const struct fake_target *target)
{
	struct used_pools_evidence evidence;
	struct used_pools table;

	assert_int_equal(find(target, &table, &evidence), -ENOENT);
}

static void test_found_in_every_build(void **state)
{
	static const uint32_t blocks[] = {1, 2, 10, 100, 3000};
	struct fake_target target;

	(void)state;
	for (size_t g = 0; g < FAKE_GEOMETRY_CNT; g++)
		for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
			make_target(&target, &FAKE_GEOMETRIES[g],
				    i % 2 ? FAKE_STATIC : FAKE_INLINED, blocks[i]);
			check_found(&target);
			fake_target__release(&target);
		}
}

static void test_unused_table_is_found_and_says_so(void **state)
{
	struct used_pools_evidence evidence;
	struct used_pools table;
	struct fake_target target;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC, 0);
	assert_int_equal(find(&target, &table, &evidence), 0);
	assert_int_equal(table.class_cnt, 32);
	assert_int_equal(evidence.witness_cnt, 0);
	fake_target__release(&target);
}

/* The memory before the table may look like its beginning. */
static void test_table_behind_what_looks_like_more_of_it(void **state)
{
	static const struct {
		uint64_t next, prev;
	} before[] = {
		{FAKE_TABLE - 32, FAKE_TABLE - 32}, /* another empty size class */
		{0x7f3b58500000, 0x7f3b58500000},   /* page addresses */
		{0x7f3b58500000, 0x123456789000},
		{FAKE_TABLE - 16, FAKE_TABLE - 16}, /* shifted by one pair */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		struct fake_target target;

		make_target(&target, &FAKE_GEOMETRIES[i % 2 + 1], FAKE_STATIC, 50);
		*fake_memory__word(&target.memory, FAKE_TABLE - 16) = before[i].next;
		*fake_memory__word(&target.memory, FAKE_TABLE - 8) = before[i].prev;
		check_found(&target);
		/* The memory after it, too. */
		*fake_memory__word(&target.memory, FAKE_TABLE + 512) = 0x7f3b58500000;
		*fake_memory__word(&target.memory, FAKE_TABLE + 520) = 0x7f3b58500000;
		check_found(&target);
		fake_target__release(&target);
	}
}

static void write_empty_table(struct fake_memory *memory, uint64_t address, uint32_t pairs)
{
	for (uint32_t i = 0; i < pairs; i++) {
		*fake_memory__word(memory, address + i * 16) = address + i * 16 - 16;
		*fake_memory__word(memory, address + i * 16 + 8) = address + i * 16 - 16;
	}
}

/* An unused table of another interpreter, as in 3.12; the used table follows it. */
static void test_table_in_use_goes_before_an_empty_one(void **state)
{
	struct fake_target target;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC, 50);
	write_empty_table(&target.memory, FAKE_DATA + 0x400, 32);
	check_found(&target);
	write_empty_table(&target.memory, FAKE_DATA + 0x2400, 32);
	check_found(&target);
	fake_target__release(&target);
}

static void test_shorter_run_is_no_table(void **state)
{
	struct fake_target target;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC, 50);
	for (uint32_t cut = 0; cut < 32; cut++) {
		uint64_t *word =
			fake_memory__word(&target.memory, FAKE_TABLE + cut * 16 + cut % 2 * 8);
		uint64_t before = *word;

		/* Two values that a pair cannot have. */
		*word = cut % 3 ? 0 : FAKE_TABLE + cut * 16 + 8;
		check_not_found(&target);
		*word = before;
	}
	check_found(&target);
	fake_target__release(&target);
}

static void test_pages_that_are_no_pools_make_no_table(void **state)
{
	struct fake_target target;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC, 0);
	fake_memory__map(&target.memory, 0x7f0000000000, 4096);
	for (uint32_t i = 0; i < 64; i++)
		*fake_memory__word(&target.memory, FAKE_TABLE + i * 8) =
			i % 2 ? 0x7f0000000000 : 0x7f1111111000; /* unmapped */
	check_not_found(&target);
	fake_target__release(&target);
}

static void test_segment_that_begins_anywhere(void **state)
{
	struct used_pools_evidence evidence;
	struct used_pools table;
	struct fake_target target;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC, 50);
	for (uint64_t skip = 0; skip < 16; skip++) {
		struct data_image data;

		fake_target__copy_data(&target.memory, FAKE_DATA + 0x1000 + skip,
				       FAKE_TABLE + 512 - (FAKE_DATA + 0x1000 + skip), &data);
		assert_int_equal(used_pools__find(&table, &evidence, &data, &target.memory.memory),
				 0);
		assert_int_equal(table.address, FAKE_TABLE);
		/* One byte less, and the table is incomplete. */
		data.segments[0].size--;
		assert_int_equal(used_pools__find(&table, &evidence, &data, &target.memory.memory),
				 -ENOENT);
		data_image__free(&data);
	}
	fake_target__release(&target);
}

static void test_segments_are_searched_one_by_one(void **state)
{
	struct used_pools_evidence evidence;
	struct data_segment segments[3];
	struct data_image parts[3], data = {.segments = segments, .segment_cnt = 3};
	struct used_pools table;
	struct fake_target target;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC, 50);
	fake_target__copy_data(&target.memory, FAKE_DATA, 0x800, &parts[0]);
	fake_target__copy_data(&target.memory, FAKE_DATA + 0x800, 8, &parts[1]);
	fake_target__copy_data(&target.memory, FAKE_DATA + 0x1000, 0x2000, &parts[2]);
	for (size_t i = 0; i < 3; i++)
		segments[i] = parts[i].segments[0];
	assert_int_equal(used_pools__find(&table, &evidence, &data, &target.memory.memory), 0);
	assert_int_equal(table.address, FAKE_TABLE);
	data.segment_cnt = 2;
	assert_int_equal(used_pools__find(&table, &evidence, &data, &target.memory.memory),
			 -ENOENT);
	for (size_t i = 0; i < 3; i++)
		data_image__free(&parts[i]);
	fake_target__release(&target);
}

/* The first pool of the first class in use, from @size_class on. */
static struct pool_header *used_pool_from(const struct fake_target *target, uint32_t size_class)
{
	for (uint64_t at = FAKE_TABLE + size_class * 16;; at += 16) {
		uint64_t pool = *fake_memory__word(&target->memory, at);

		if (pool != at - 16)
			return fake_pymalloc__pool(&target->pymalloc, pool);
	}
}

/* One size class is in use, and its only pool contradicts the table: that is no evidence. */
static void test_each_contradiction_counts(void **state)
{
	struct pool_header *pool, good;
	struct fake_target target;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC, 1);
	pool = used_pool_from(&target, 0);
	good = *pool;
	check_found(&target);
	pool->szidx ^= 1;
	check_not_found(&target);
	*pool = good;
	pool->count = 0;
	check_not_found(&target);
	*pool = good;
	pool->nextpool = 0;
	pool->prevpool = 0;
	check_not_found(&target);
	*pool = good;
	pool->nextpool = pool->prevpool = FAKE_TABLE;
	check_not_found(&target);
	*pool = good;
	pool->maxnextoffset += 16; /* the pool size would not be a power of two */
	check_not_found(&target);
	pool->maxnextoffset = 2048 - (pool->szidx + 1) * 16; /* smaller than any */
	check_not_found(&target);
	pool->maxnextoffset = 131072 - (pool->szidx + 1) * 16; /* larger than any */
	check_not_found(&target);
	*pool = good;
	check_found(&target);
	fake_target__release(&target);
}

static void test_few_damaged_pools_do_not_hide_the_table(void **state)
{
	struct used_pools_evidence evidence;
	struct used_pools table;
	struct fake_target target;
	struct pool_header *pool;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC, 100);
	pool = used_pool_from(&target, 5);
	pool->count = 0;
	assert_int_equal(check(&target, &table, &evidence), 0);
	check_evidence(&target, &evidence);
	pool->count = 1;
	pool->maxnextoffset -= 8192; /* another pool size than all others */
	assert_int_equal(check(&target, &table, &evidence), 0);
	check_evidence(&target, &evidence);
	fake_target__release(&target);
}

/*
 * A process may have thousands of tables that contradict their pools: pyfrag waits no longer for
 * all of them than for one.
 */
static void test_waits_no_more_than_it_may(void **state)
{
	struct used_pools_evidence evidence;
	unsigned int retries = 2;
	struct fake_target target;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC, 100);
	used_pool_from(&target, 5)->count = 0;
	for (int i = 0; i < 2; i++) {
		struct used_pools table = {.address = FAKE_TABLE,
					   .class_cnt = 512 / target.pymalloc.geometry.alignment};

		assert_int_equal(used_pools__check(&table, &evidence, &target.memory.memory,
						   &retries),
				 0);
		check_evidence(&target, &evidence);
		assert_int_equal(retries, 0);
	}
	fake_target__release(&target);
}

/* Repairs the table, or the pool, after it has been read a given number of times. */
struct repair {
	struct fake_target *target;
	uint64_t at, value;
	uint32_t reads_left;
};

static void repair_after_reads(void *context, uint64_t address, size_t size)
{
	struct repair *repair = context;

	(void)address;
	(void)size;
	if (repair->reads_left && !--repair->reads_left)
		*fake_memory__word(&repair->target->memory, repair->at) = repair->value;
}

/* A pool that is just being moved between two lists, as in a running target. */
static void test_looks_again_while_the_target_changes_its_lists(void **state)
{
	struct used_pools_evidence evidence;
	struct used_pools table;
	struct fake_target target;

	(void)state;
	for (uint32_t reads = 1; reads < 400; reads += 57) {
		struct repair repair;
		uint64_t next;

		make_target(&target, NULL, FAKE_STATIC, 100);
		next = *fake_memory__word(&target.memory, FAKE_TABLE + 16);
		repair = (struct repair){
			.target = &target,
			.at = next + offsetof(struct pool_header, prevpool),
			.value = fake_pymalloc__pool(&target.pymalloc, next)->prevpool,
			.reads_left = reads};
		*fake_memory__word(&target.memory, repair.at) = 0;
		target.memory.before_read = repair_after_reads;
		target.memory.context = &repair;
		assert_int_equal(check(&target, &table, &evidence), 0);
		/* The search did wait for that. */
		assert_int_equal(repair.reads_left, 0);
		check_evidence(&target, &evidence);
		assert_int_equal(table.pairs[1].next, next);
		fake_target__release(&target);
	}
}

static void test_nothing_to_read(void **state)
{
	struct used_pools_evidence evidence;
	struct used_pools table;
	struct fake_target target;

	(void)state;
	make_target(&target, NULL, FAKE_STATIC, 50);
	target.memory.error = -ESRCH;
	assert_int_equal(find(&target, &table, &evidence), -ESRCH);
	assert_int_equal(check(&target, &table, &evidence), -ESRCH);
	target.memory.error = 0;
	fake_memory__unmap(&target.memory, FAKE_DATA);
	assert_int_equal(check(&target, &table, &evidence), -ENOENT);
	fake_target__release(&target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_in_every_build),
		cmocka_unit_test(test_unused_table_is_found_and_says_so),
		cmocka_unit_test(test_table_behind_what_looks_like_more_of_it),
		cmocka_unit_test(test_table_in_use_goes_before_an_empty_one),
		cmocka_unit_test(test_shorter_run_is_no_table),
		cmocka_unit_test(test_pages_that_are_no_pools_make_no_table),
		cmocka_unit_test(test_segment_that_begins_anywhere),
		cmocka_unit_test(test_segments_are_searched_one_by_one),
		cmocka_unit_test(test_each_contradiction_counts),
		cmocka_unit_test(test_few_damaged_pools_do_not_hide_the_table),
		cmocka_unit_test(test_waits_no_more_than_it_may),
		cmocka_unit_test(test_looks_again_while_the_target_changes_its_lists),
		cmocka_unit_test(test_nothing_to_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
