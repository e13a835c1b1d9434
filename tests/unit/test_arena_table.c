// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/arena_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_memory.h"
#include "fake_target.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define BASE	   0x555556200000UL
#define FIRST	   0x7f3b50000000UL /* the first arena */
#define SLOT_BYTES sizeof(struct arena_object)
#define SLOTS_MAX  256

/* A hand-made array, with arenas of which only the first pool's header is mapped. */
struct table {
	struct fake_memory memory;
	struct geometry geometry;
	struct arena_object *slots;
	uint32_t cnt;
};

static uint64_t slot_address(uint32_t index)
{
	return BASE + index * SLOT_BYTES;
}

static void make_table(struct table *table, const struct geometry *geometry, uint32_t cnt)
{
	table->geometry = *geometry;
	table->cnt = cnt;
	fake_memory__init(&table->memory);
	table->slots = fake_memory__map(&table->memory, BASE, cnt * SLOT_BYTES);
	/* All unused, linked in order. */
	for (uint32_t i = 0; i + 1 < cnt; i++)
		table->slots[i].nextarena = slot_address(i + 1);
}

static void use_slot(struct table *table, uint32_t index, uint64_t address, uint32_t carved)
{
	const struct geometry *geometry = &table->geometry;
	uint32_t pools = geometry->arena_size / geometry->pool_size;
	uint64_t excess = address % geometry->pool_size, first = address;
	struct pool_header *header;

	if (excess) {
		pools--;
		first += geometry->pool_size - excess;
	}
	table->slots[index] =
		(struct arena_object){.address = address,
				      .pool_address = first + carved * geometry->pool_size,
				      .nfreepools = pools - carved,
				      .ntotalpools = pools};
	header = fake_memory__map(&table->memory, first, sizeof(*header));
	if (carved)
		header->arenaindex = index;
}

/* Links the unused slots in the given order, ended by 0. */
static void link_unused(struct table *table, const uint32_t *order, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		table->slots[order[i]].address = 0;
		table->slots[order[i]].nextarena = i + 1 < cnt ? slot_address(order[i + 1]) : 0;
	}
}

struct result {
	struct geometry geometry;
	struct arena_list list;
	size_t slot_cnt;
};

static int read_table(const struct table *table, struct result *result)
{
	*result = (struct result){.geometry = table->geometry};
	result->geometry.arena_size = 0;
	return arena_table__read(&table->memory.memory, BASE, &result->geometry, &result->list,
				 &result->slot_cnt);
}

static void check_refused(const struct table *table)
{
	struct result result;

	assert_int_equal(read_table(table, &result), -EUCLEAN);
	assert_int_equal(result.list.cnt, 0);
	assert_int_equal(result.geometry.arena_size, 0);
	account__free(result.list.items);
}

/* Random arrays of each length, followed by nothing, zeros, or random words. */
static void fill_at_random(struct table *table, bool *used, uint64_t *random)
{
	uint32_t order[SLOTS_MAX], unused = 0, percent = prng__below(random, 101);
	uint64_t skew = prng__below(random, 2) ? 4096 : 0;

	for (uint32_t i = 0; i < table->cnt; i++) {
		used[i] = prng__below(random, 100) < percent;
		if (used[i])
			use_slot(table, i, FIRST + i * 0x400000UL + skew, prng__below(random, 64));
		else
			order[unused++] = i;
	}
	for (uint32_t i = unused; i > 1; i--) {
		uint32_t other = prng__below(random, i), index = order[i - 1];

		order[i - 1] = order[other];
		order[other] = index;
	}
	link_unused(table, order, unused);
}

/*
 * Half of the array is swapped out. It is not taken for an array of half the size; what lies behind
 * an array does not matter.
 */
static void test_array_that_is_swapped_out_in_part(void **state)
{
	struct table table;
	struct result result;

	(void)state;
	make_table(&table, &FAKE_GEOMETRIES[1], 256);
	for (uint32_t i = 0; i < 256; i++)
		use_slot(&table, i, FIRST + i * 0x400000UL, 3);
	fake_memory__swap_out(&table.memory, slot_address(128), 4096);
	check_refused(&table);
	table.memory.swapped_cnt = 0;
	fake_memory__map(&table.memory, slot_address(256), 65536);
	*fake_memory__word(&table.memory, slot_address(256)) = 1;
	fake_memory__swap_out(&table.memory, (slot_address(257) | 4095) + 1, 32768);
	assert_int_equal(read_table(&table, &result), 0);
	assert_int_equal(result.list.cnt, 256);
	account__free(result.list.items);
	fake_memory__release(&table.memory);
}

/* Arenas of which the first pool is swapped out are arenas all the same. */
static void test_pools_that_are_swapped_out(void **state)
{
	struct table table;
	struct result result;

	(void)state;
	make_table(&table, &FAKE_GEOMETRIES[1], 16);
	for (uint32_t i = 0; i < 16; i++)
		use_slot(&table, i, FIRST + i * 0x400000UL, 3);
	fake_memory__swap_out(&table.memory, FIRST, 7 * 0x400000UL);
	assert_int_equal(read_table(&table, &result), 0);
	assert_int_equal(result.list.cnt, 16);
	account__free(result.list.items);
	fake_memory__release(&table.memory);
}

static void put_behind(struct table *table, uint64_t *random)
{
	uint32_t what = prng__below(random, 3);
	uint64_t *words;

	if (!what)
		return;
	words = fake_memory__map(&table->memory, slot_address(table->cnt), 65536);
	for (size_t i = 0; what == 2 && i < 65536 / sizeof(*words); i++)
		words[i] = prng__next(random);
}

static void check_found(const struct table *table, const bool *used)
{
	struct result result;
	size_t at = 0;

	assert_int_equal(read_table(table, &result), 0);
	for (uint32_t i = 0; i < table->cnt; i++) {
		if (!used[i])
			continue;
		assert_true(at < result.list.cnt);
		assert_int_equal(result.list.items[at].address, table->slots[i].address);
		assert_int_equal(result.list.items[at].carved_end, table->slots[i].pool_address);
		assert_int_equal(result.list.items[at].generation, 0);
		at++;
	}
	assert_int_equal(result.list.cnt, at);
	assert_int_equal(result.geometry.arena_size, at ? table->geometry.arena_size : 0);
	account__free(result.list.items);
}

static void test_finds_all_arenas_and_the_end_of_the_array(void **state)
{
	uint64_t random = 31;

	(void)state;
	for (int i = 0; i < 400; i++) {
		bool used[SLOTS_MAX];
		struct table table;

		make_table(&table, &FAKE_GEOMETRIES[1 + i % 3], 16U << prng__below(&random, 5));
		fill_at_random(&table, used, &random);
		put_behind(&table, &random);
		check_found(&table, used);
		fake_memory__release(&table.memory);
	}
}

static void test_arena_size_is_worked_out(void **state)
{
	static const struct geometry geometries[] = {
		{.arena_size = 256 << 10, .pool_size = 4096, .alignment = 16},
		{.arena_size = 1 << 20, .pool_size = 4096, .alignment = 16},
		{.arena_size = 1 << 20, .pool_size = 16384, .alignment = 16},
		{.arena_size = 2 << 20, .pool_size = 16384, .alignment = 16},
		{.arena_size = 64 << 20, .pool_size = 65536, .alignment = 16},
	};

	(void)state;
	for (size_t g = 0; g < ARRAY_SIZE(geometries); g++)
		for (uint64_t skew = 0; skew <= 16; skew += 16) {
			struct table table;
			struct result result;

			make_table(&table, &geometries[g], 16);
			use_slot(&table, 0, FIRST + skew, 1);
			assert_int_equal(read_table(&table, &result), 0);
			assert_int_equal(result.list.cnt, 1);
			assert_int_equal(result.geometry.arena_size, geometries[g].arena_size);
			account__free(result.list.items);
			fake_memory__release(&table.memory);
		}
}

static void test_appends_to_what_is_there(void **state)
{
	struct arena_list list = {.items = account__calloc(NULL, 1, sizeof(*list.items)),
				  .cnt = 1,
				  .capacity = 1};
	struct geometry geometry;
	struct table table;
	size_t slot_cnt = 0;

	(void)state;
	assert_non_null(list.items);
	list.items[0] = (struct region){.address = 1, .carved_end = 2, .generation = 3};
	make_table(&table, &FAKE_GEOMETRIES[2], 16);
	use_slot(&table, 0, FIRST, 2);
	geometry = table.geometry;
	assert_int_equal(arena_table__read(&table.memory.memory, BASE, &geometry, &list, &slot_cnt),
			 0);
	assert_int_equal(list.cnt, 2);
	assert_int_equal(list.items[0].address, 1);
	assert_int_equal(list.items[0].generation, 3);
	assert_int_equal(list.items[1].address, FIRST);
	assert_int_equal(list.items[1].carved_end, FIRST + 2 * 16384);
	account__free(list.items);
	fake_memory__release(&table.memory);
}

/* A known arena size is not computed again. */
static void test_arena_of_another_size_is_refused(void **state)
{
	struct geometry geometry = FAKE_GEOMETRIES[3];
	struct arena_list list = {};
	size_t slot_cnt = 0;
	struct table table;

	(void)state;
	make_table(&table, &FAKE_GEOMETRIES[2], 16);
	use_slot(&table, 0, FIRST, 2);
	assert_int_equal(arena_table__read(&table.memory.memory, BASE, &geometry, &list, &slot_cnt),
			 -EUCLEAN);
	assert_int_equal(list.cnt, 0);
	assert_int_equal(geometry.arena_size, 2 << 20);
	/* Arenas of two sizes do not form one array. */
	table.geometry = FAKE_GEOMETRIES[3];
	use_slot(&table, 1, FIRST + 0x400000, 2);
	check_refused(&table);
	account__free(list.items);
	fake_memory__release(&table.memory);
}

static void test_broken_lists_of_unused_slots_are_refused(void **state)
{
	const struct {
		uint32_t slot;
		uint64_t next;
	} rows[] = {
		{5, slot_address(5)},	  /* itself */
		{5, slot_address(3)},	  /* backwards */
		{5, slot_address(7)},	  /* two slots link to the same one */
		{5, 0},			  /* two ends */
		{15, slot_address(2)},	  /* no end */
		{5, slot_address(0)},	  /* a used slot */
		{5, slot_address(16)},	  /* the slot after the array */
		{5, slot_address(1000)},  /* far after the array */
		{5, BASE - SLOT_BYTES},	  /* before the array */
		{5, slot_address(6) + 8}, /* inside a slot */
		{5, slot_address(6) - 1}, /* unaligned */
		{5, UINT64_MAX},
		{5, 1},
	};
	struct table table;

	(void)state;
	make_table(&table, &FAKE_GEOMETRIES[2], 16);
	use_slot(&table, 0, FIRST, 2);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t *next = &table.slots[rows[i].slot].nextarena, before = *next;
		struct result result;

		*next = rows[i].next;
		check_refused(&table);
		*next = before;
		assert_int_equal(read_table(&table, &result), 0);
		account__free(result.list.items);
	}
	fake_memory__release(&table.memory);
}

static void test_slot_that_is_no_arena_is_refused(void **state)
{
	struct table table;
	struct arena_object good;

	(void)state;
	make_table(&table, &FAKE_GEOMETRIES[2], 16);
	use_slot(&table, 0, FIRST, 2);
	use_slot(&table, 1, FIRST + 0x400000, 2);
	link_unused(&table, (uint32_t[]){2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, 14);
	good = table.slots[1];
	table.slots[1].ntotalpools = 63;
	check_refused(&table);
	table.slots[1] = good;
	table.slots[1].address += 0x100000; /* its pools would start before it */
	check_refused(&table);
	table.slots[1] = good;
	table.slots[1].pool_address += 8;
	check_refused(&table);
	table.slots[1] = good;
	/* All slots have to be valid, including the last one. */
	table.slots[15].address = 1;
	check_refused(&table);
	fake_memory__release(&table.memory);
}

static void check_slot(const struct geometry *geometry, struct arena_object slot, bool plausible)
{
	assert_int_equal(arena_table__slot_is_plausible(geometry, &slot), plausible);
}

static void test_what_an_arena_can_look_like(void **state)
{
	const struct geometry known = FAKE_GEOMETRIES[2];
	const struct geometry unknown = {.pool_size = 16384, .alignment = 16};
	const uint64_t at = FIRST, end = at + 64 * 16384UL, skewed = FIRST + 4096;

	(void)state;
	/* address, pool_address, nfreepools, ntotalpools, freepools */
	check_slot(&known, (struct arena_object){at, at, 64, 64, 0, 0, 0}, true);
	check_slot(&known, (struct arena_object){at, end, 0, 64, 0, 0, 0}, true);
	check_slot(&known, (struct arena_object){at, end, 64, 64, end - 16384, 0, 0}, true);
	check_slot(&known, (struct arena_object){at, at + 16384, 64, 64, at, 0, 0}, true);
	check_slot(&known, (struct arena_object){skewed, at + 16384, 63, 63, 0, 0, 0}, true);
	check_slot(&known, (struct arena_object){skewed, end, 0, 63, 0, 0, 0}, true);
	/* Links are not checked. */
	check_slot(&known, (struct arena_object){at, at, 64, 64, 0, 1, UINT64_MAX}, true);

	/* The number of pools is wrong. */
	check_slot(&known, (struct arena_object){at, at, 63, 63, 0, 0, 0}, false);
	check_slot(&known, (struct arena_object){skewed, at + 16384, 64, 64, 0, 0, 0}, false);
	check_slot(&known, (struct arena_object){at, at, 128, 128, 0, 0, 0}, false);
	check_slot(&unknown, (struct arena_object){at, at, 128, 128, 0, 0, 0}, true);
	check_slot(&unknown, (struct arena_object){at, at, 100, 100, 0, 0, 0}, false);
	check_slot(&unknown, (struct arena_object){at, at, 8192, 8192, 0, 0, 0}, false);
	check_slot(&unknown, (struct arena_object){at, at, 0, 0, 0, 0, 0}, false);
	check_slot(&unknown, (struct arena_object){at, at, UINT32_MAX, UINT32_MAX, 0, 0, 0}, false);
	/* Pools carved outside of the arena, or not at a pool boundary */
	check_slot(&known, (struct arena_object){at, at - 16384, 64, 64, 0, 0, 0}, false);
	check_slot(&known, (struct arena_object){skewed, at, 63, 63, 0, 0, 0}, false);
	check_slot(&known, (struct arena_object){at, end + 16384, 0, 64, 0, 0, 0}, false);
	check_slot(&known, (struct arena_object){at, at + 4096, 64, 64, 0, 0, 0}, false);
	check_slot(&known, (struct arena_object){at, 0, 64, 64, 0, 0, 0}, false);
	/* More free pools than pools, or fewer than were never carved */
	check_slot(&known, (struct arena_object){at, end, 65, 64, 0, 0, 0}, false);
	check_slot(&known, (struct arena_object){at, at + 16384, 62, 64, 0, 0, 0}, false);
	check_slot(&known, (struct arena_object){at, at + 16384, 63, 64, 0, 0, 0}, true);
	/* A free pool that was never carved, or is elsewhere */
	check_slot(&known, (struct arena_object){at, end, 1, 64, end, 0, 0}, false);
	check_slot(&known, (struct arena_object){at, end, 1, 64, at - 16384, 0, 0}, false);
	check_slot(&known, (struct arena_object){at, end, 1, 64, at + 8, 0, 0}, false);
	/* An address that no arena can have */
	check_slot(&known, (struct arena_object){at + 4, at + 16384, 63, 63, 0, 0, 0}, false);
	check_slot(&known, (struct arena_object){1UL << 60, 1UL << 60, 64, 64, 0, 0, 0}, false);
	check_slot(&known, (struct arena_object){-16384UL, -16384UL, 64, 64, 0, 0, 0}, false);
}

/*
 * The first pool of each arena contains the arena's index, which exposes pointers into the middle
 * of an array.
 */
static void test_arenas_must_confirm_their_indices(void **state)
{
	struct table table;
	struct result result;
	struct pool_header *first;

	(void)state;
	make_table(&table, &FAKE_GEOMETRIES[2], 16);
	use_slot(&table, 0, FIRST, 2);
	use_slot(&table, 1, FIRST + 0x400000, 2);
	link_unused(&table, (uint32_t[]){2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, 14);
	first = fake_memory__at(&table.memory, FIRST + 0x400000, sizeof(*first));
	first->arenaindex = 2;
	check_refused(&table);
	first->arenaindex = 1;
	assert_int_equal(read_table(&table, &result), 0);
	account__free(result.list.items);
	/* The remaining one. */
	fake_memory__unmap(&table.memory, FIRST);
	assert_int_equal(read_table(&table, &result), 0);
	assert_int_equal(result.list.cnt, 1);
	assert_int_equal(result.list.items[0].address, FIRST + 0x400000);
	account__free(result.list.items);
	/* If no arena confirms its index, the array is refused. */
	fake_memory__unmap(&table.memory, FIRST + 0x400000);
	check_refused(&table);
	fake_memory__map(&table.memory, FIRST + 0x400000, sizeof(*first));
	first = fake_memory__at(&table.memory, FIRST + 0x400000, sizeof(*first));
	first->arenaindex = 1;
	/* An arena in which no pool was ever used cannot confirm it. */
	table.slots[0].pool_address = FIRST;
	table.slots[0].nfreepools = 64;
	assert_int_equal(read_table(&table, &result), 0);
	assert_int_equal(result.list.cnt, 2);
	account__free(result.list.items);
	fake_memory__release(&table.memory);
}

/*
 * A slot that is being changed seems to end the array early; the known number of slots reveals it.
 */
static void test_array_does_not_get_shorter(void **state)
{
	struct arena_list list = {};
	struct table table;
	size_t slot_cnt = 0;

	(void)state;
	make_table(&table, &FAKE_GEOMETRIES[2], 32);
	for (uint32_t i = 0; i < 32; i++)
		use_slot(&table, i, FIRST + i * 0x400000UL, 2);
	for (int torn = 0; torn < 2; torn++) {
		struct geometry geometry = table.geometry;

		assert_int_equal(arena_table__read(&table.memory.memory, BASE, &geometry, &list,
						   &slot_cnt),
				 torn ? -EUCLEAN : 0);
		assert_int_equal(list.cnt, 32);
		assert_int_equal(slot_cnt, 32);
		table.slots[20].ntotalpools = 0;
	}
	account__free(list.items);
	fake_memory__release(&table.memory);
}

static void test_no_array_there(void **state)
{
	struct table table;
	struct result result;

	(void)state;
	/* Too short: even the first array has 16 slots. */
	make_table(&table, &FAKE_GEOMETRIES[2], 15);
	use_slot(&table, 0, FIRST, 2);
	assert_true(read_table(&table, &result) < 0);
	assert_int_equal(result.list.cnt, 0);
	fake_memory__unmap(&table.memory, BASE);
	assert_true(read_table(&table, &result) < 0);
	table.memory.error = -ESRCH;
	assert_int_equal(read_table(&table, &result), -ESRCH);
	fake_memory__release(&table.memory);
}

/* Endless memory of unused slots. */
static int read_zeros(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	(void)memory;
	for (size_t i = 0; i < cnt; i++) {
		memset(ranges[i].buffer, 0, ranges[i].size);
		ranges[i].failed = false;
	}
	return 0;
}

static void test_does_not_read_without_end(void **state)
{
	const struct memory zeros = {.read_ranges = read_zeros};
	struct geometry geometry = {.pool_size = 16384, .alignment = 16};
	struct arena_list list = {};
	size_t slot_cnt = 0;

	(void)state;
	assert_int_equal(arena_table__read(&zeros, BASE, &geometry, &list, &slot_cnt), -E2BIG);
	assert_null(list.items);
	assert_int_equal(list.cnt, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array_that_is_swapped_out_in_part),
		cmocka_unit_test(test_pools_that_are_swapped_out),
		cmocka_unit_test(test_finds_all_arenas_and_the_end_of_the_array),
		cmocka_unit_test(test_arena_size_is_worked_out),
		cmocka_unit_test(test_appends_to_what_is_there),
		cmocka_unit_test(test_arena_of_another_size_is_refused),
		cmocka_unit_test(test_broken_lists_of_unused_slots_are_refused),
		cmocka_unit_test(test_slot_that_is_no_arena_is_refused),
		cmocka_unit_test(test_what_an_arena_can_look_like),
		cmocka_unit_test(test_arenas_must_confirm_their_indices),
		cmocka_unit_test(test_array_does_not_get_shorter),
		cmocka_unit_test(test_no_array_there),
		cmocka_unit_test(test_does_not_read_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
