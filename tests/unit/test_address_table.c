// SPDX-License-Identifier: BSD-2-Clause
/*
 * The table of addresses, held against an array in which every address has its place.
 */
#include "stacks/address_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define UNIVERSE    3000
#define FIRST_SLOTS 256 /* of a table with few entries */

struct reference {
	struct address_entry entries[UNIVERSE]; /* address 0: not there */
	size_t cnt;
	struct address_table table;
};

static struct reference *new_reference(void)
{
	struct reference *reference = calloc(1, sizeof(*reference));

	assert_non_null(reference);
	return reference;
}

static void free_reference(struct reference *reference)
{
	address_table__release(&reference->table);
	assert_null(reference->table.slots);
	assert_int_equal(reference->table.cnt, 0);
	free(reference);
}

/* Blocks lie 16 bytes apart, pools 4 KiB or 16 KiB; stacks have numbers of all bits. */
static uint64_t address_of(size_t index, unsigned kind)
{
	switch (kind) {
	case 0:
		return 0x7f0000000030 + index * 16;
	case 1:
		return 0x7f0000000000 + index * 4096;
	case 2:
		return 0x7f0000000000 + index * 16384;
	default:
		return (index + 1) * 0xd6e8feb86659fd93;
	}
}

static void put(struct reference *reference, size_t index, uint64_t address, uint32_t value)
{
	const struct address_entry entry = {.address = address,
					    .stamp = value * 3UL,
					    .stack = value,
					    .size = value / 2};

	assert_int_equal(address_table__put(&reference->table, &entry), 0);
	reference->cnt += !reference->entries[index].address;
	reference->entries[index] = entry;
}

static void take_out(struct reference *reference, size_t index)
{
	struct address_entry *entry = &reference->entries[index];

	address_table__remove(&reference->table,
			      address_table__find(&reference->table, entry->address));
	entry->address = 0;
	reference->cnt--;
}

static void check_one(const struct reference *reference, size_t index, uint64_t address)
{
	const struct address_entry *expected = &reference->entries[index];
	const struct address_entry *found = address_table__find(&reference->table, address);

	if (!expected->address) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_int_equal(found->address, address);
	assert_int_equal(found->stamp, expected->stamp);
	assert_int_equal(found->stack, expected->stack);
	assert_int_equal(found->size, expected->size);
}

/* All that should be there is, once, and nothing else; and half of the slots are empty at least. */
static void check_all(const struct reference *reference, unsigned kind)
{
	size_t cnt = 0;

	for (size_t i = 0; i < UNIVERSE; i++)
		check_one(reference, i, address_of(i, kind));
	for (size_t i = 0; i < reference->table.slot_cnt; i++)
		cnt += reference->table.slots[i].address != 0;
	assert_int_equal(cnt, reference->cnt);
	assert_int_equal(reference->table.cnt, reference->cnt);
	assert_true(cnt * 2 <= reference->table.slot_cnt);
}

static void test_empty(void **state)
{
	struct reference *reference = new_reference();

	(void)state;
	assert_null(address_table__find(&reference->table, 16));
	put(reference, 0, 16, 5);
	take_out(reference, 0);
	assert_null(address_table__find(&reference->table, 16));
	assert_null(address_table__find(&reference->table, 32));
	free_reference(reference);
}

static void test_put_replaces(void **state)
{
	struct reference *reference = new_reference();

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		put(reference, 0, 0x7f0000000030, i);
	assert_int_equal(reference->table.cnt, 1);
	check_one(reference, 0, 0x7f0000000030);
	free_reference(reference);
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct reference *reference = new_reference();
		uint64_t seed = 17 + kind;

		for (uint32_t step = 0; step < 60000; step++) {
			/* Few at first, then nearly all, then few again. */
			uint32_t wanted = step % 20000 < 10000 ? 70 : 30;
			size_t index = prng__below(&seed, UNIVERSE);

			check_one(reference, index, address_of(index, kind));
			if (prng__below(&seed, 100) < wanted)
				put(reference, index, address_of(index, kind), step);
			else if (reference->entries[index].address)
				take_out(reference, index);
			if (step % 2500 == 0)
				check_all(reference, kind);
		}
		check_all(reference, kind);
		free_reference(reference);
	}
}

/*
 * Fills @addresses with those whose home, in a table of FIRST_SLOTS, is one of the last @homes
 * slots.
 */
static void find_colliding(uint64_t *addresses, size_t cnt, size_t homes)
{
	for (uint64_t address = 16; cnt; address += 16) {
		struct address_table table = {};
		const struct address_entry entry = {.address = address};

		/* Alone in a table, an entry is at home. */
		assert_int_equal(address_table__put(&table, &entry), 0);
		assert_int_equal(table.slot_cnt, FIRST_SLOTS);
		if (address_table__find(&table, address) >= &table.slots[FIRST_SLOTS - homes])
			addresses[--cnt] = address;
		address_table__release(&table);
	}
}

/* A run of slots that goes on at the table's beginning. */
static void test_wrap_around(void **state)
{
	uint64_t addresses[40], seed = 3;

	(void)state;
	find_colliding(addresses, ARRAY_SIZE(addresses), 3);
	for (int round = 0; round < 300; round++) {
		struct reference *reference = new_reference();

		for (uint32_t step = 0; step < 120; step++) {
			size_t index = prng__below(&seed, ARRAY_SIZE(addresses));

			if (reference->entries[index].address)
				take_out(reference, index);
			else
				put(reference, index, addresses[index], step);
			for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
				check_one(reference, i, addresses[i]);
		}
		assert_int_equal(reference->table.slot_cnt, FIRST_SLOTS);
		assert_int_equal(reference->table.cnt, reference->cnt);
		free_reference(reference);
	}
}

/* As the ledger does it: what comes into a slot that was emptied is looked at next. */
static void remove_marked(struct address_table *table, const bool *marked)
{
	for (size_t i = 0; i < table->slot_cnt;) {
		struct address_entry *entry = &table->slots[i];

		if (entry->address && marked[entry->stack])
			address_table__remove(table, entry);
		else
			i++;
	}
}

static void test_removal_on_the_way(void **state)
{
	uint64_t addresses[100], seed = 5;

	(void)state;
	find_colliding(addresses, ARRAY_SIZE(addresses), 20);
	for (uint32_t round = 0; round < 200; round++) {
		struct reference *reference = new_reference();
		uint32_t cnt = round % ARRAY_SIZE(addresses);
		bool marked[ARRAY_SIZE(addresses)];

		for (uint32_t i = 0; i < cnt; i++)
			put(reference, i, addresses[i], i);
		for (size_t i = 0; i < ARRAY_SIZE(marked); i++)
			marked[i] = prng__below(&seed, 4) < round % 5;
		remove_marked(&reference->table, marked);
		for (uint32_t i = 0; i < cnt; i++) {
			if (marked[i]) {
				reference->entries[i].address = 0;
				reference->cnt--;
			}
			check_one(reference, i, addresses[i]);
		}
		assert_int_equal(reference->table.cnt, reference->cnt);
		free_reference(reference);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_put_replaces),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_wrap_around),
		cmocka_unit_test(test_removal_on_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
