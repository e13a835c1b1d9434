// SPDX-License-Identifier: BSD-2-Clause
/* The hash map, compared with an array that has a place for each key. */
#include "util/hash_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define UNIVERSE    3000
#define FIRST_SLOTS 256 /* of a map in which entries have to collide */

struct entry {
	uint64_t address;
	uint64_t stamp;
	uint32_t stack;
	uint16_t size;
};

struct reference {
	struct entry entries[UNIVERSE]; /* address 0: not in the map */
	size_t cnt;
	struct hash_map map;
};

static struct reference *new_reference(void)
{
	struct reference *reference = calloc(1, sizeof(*reference));

	assert_non_null(reference);
	reference->map.entry_bytes = sizeof(struct entry);
	return reference;
}

static void free_reference(struct reference *reference)
{
	hash_map__release(&reference->map);
	assert_null(reference->map.slots);
	assert_int_equal(reference->map.cnt, 0);
	free(reference);
}

/* Blocks are 16 bytes apart, pools 4 KiB or 16 KiB; stack numbers use all bits. */
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

static void add(struct hash_map *map, const struct entry *entry)
{
	struct entry *added = hash_map__add(map, entry->address);

	assert_non_null(added);
	assert_int_equal(added->address, entry->address);
	*added = *entry;
}

static void put(struct reference *reference, size_t index, uint64_t address, uint32_t value)
{
	const struct entry entry = {.address = address,
				    .stamp = value * 3UL,
				    .stack = value,
				    .size = value / 2};

	add(&reference->map, &entry);
	reference->cnt += !reference->entries[index].address;
	reference->entries[index] = entry;
}

static void take_out(struct reference *reference, size_t index)
{
	struct entry *entry = &reference->entries[index];

	hash_map__remove(&reference->map, hash_map__find(&reference->map, entry->address));
	entry->address = 0;
	reference->cnt--;
}

static void check_one(const struct reference *reference, size_t index, uint64_t address)
{
	const struct entry *expected = &reference->entries[index];
	const struct entry *found = hash_map__find(&reference->map, address);

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

/* Every expected entry is there once, nothing else is, and at least half of the slots are empty. */
static void check_all(const struct reference *reference, unsigned kind)
{
	size_t cnt = 0;

	for (size_t i = 0; i < UNIVERSE; i++)
		check_one(reference, i, address_of(i, kind));
	for (const struct entry *entry = NULL; (entry = hash_map__next(&reference->map, entry));)
		cnt++;
	assert_int_equal(cnt, reference->cnt);
	assert_int_equal(reference->map.cnt, reference->cnt);
	assert_true(cnt * 2 <= reference->map.slot_cnt);
}

static void test_empty(void **state)
{
	struct reference *reference = new_reference();

	(void)state;
	assert_null(hash_map__find(&reference->map, 16));
	put(reference, 0, 16, 5);
	take_out(reference, 0);
	assert_null(hash_map__find(&reference->map, 16));
	assert_null(hash_map__find(&reference->map, 32));
	free_reference(reference);
}

static void test_put_replaces(void **state)
{
	struct reference *reference = new_reference();

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		put(reference, 0, 0x7f0000000030, i);
	assert_int_equal(reference->map.cnt, 1);
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
			/* First few entries, then nearly all, then few again. */
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
 * Fills @addresses with addresses whose home, in a map of FIRST_SLOTS, is one of the last @homes
 * slots.
 */
static void find_colliding(uint64_t *addresses, size_t cnt, size_t homes)
{
	for (uint64_t address = 16; cnt; address += 16) {
		struct hash_map map = {.entry_bytes = sizeof(struct entry)};
		const struct entry entry = {.address = address};

		/* An entry that is alone in a map is in its home slot. */
		assert_int_equal(hash_map__reserve(&map, FIRST_SLOTS / 2), 0);
		add(&map, &entry);
		assert_int_equal(map.slot_cnt, FIRST_SLOTS);
		if (hash_map__place(&map, address) >= FIRST_SLOTS - homes)
			addresses[--cnt] = address;
		hash_map__release(&map);
	}
}

/* A run of slots that wraps around to the first slot. */
static void test_wrap_around(void **state)
{
	uint64_t addresses[40], seed = 3;

	(void)state;
	find_colliding(addresses, ARRAY_SIZE(addresses), 3);
	for (int round = 0; round < 300; round++) {
		struct reference *reference = new_reference();

		assert_int_equal(hash_map__reserve(&reference->map, FIRST_SLOTS / 2), 0);
		for (uint32_t step = 0; step < 120; step++) {
			size_t index = prng__below(&seed, ARRAY_SIZE(addresses));

			if (reference->entries[index].address)
				take_out(reference, index);
			else
				put(reference, index, addresses[index], step);
			for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
				check_one(reference, i, addresses[i]);
		}
		assert_int_equal(reference->map.slot_cnt, FIRST_SLOTS);
		assert_int_equal(reference->map.cnt, reference->cnt);
		free_reference(reference);
	}
}

static bool is_unmarked(void *entry, void *marked)
{
	return !((const bool *)marked)[((const struct entry *)entry)->stack];
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

		assert_int_equal(hash_map__reserve(&reference->map, FIRST_SLOTS / 2), 0);
		for (uint32_t i = 0; i < cnt; i++)
			put(reference, i, addresses[i], i);
		for (size_t i = 0; i < ARRAY_SIZE(marked); i++)
			marked[i] = prng__below(&seed, 4) < round % 5;
		hash_map__filter(&reference->map, is_unmarked, marked);
		for (uint32_t i = 0; i < cnt; i++) {
			if (marked[i]) {
				reference->entries[i].address = 0;
				reference->cnt--;
			}
			check_one(reference, i, addresses[i]);
		}
		assert_int_equal(reference->map.cnt, reference->cnt);
		free_reference(reference);
	}
}

static size_t count_others(const struct hash_map *map, uint64_t key)
{
	size_t cnt = 0;

	for (const void *entry = hash_map__find(map, key); entry;
	     entry = hash_map__find_another(map, entry))
		cnt++;
	return cnt;
}

static void test_entries_of_the_same_key(void **state)
{
	struct hash_map map = {.entry_bytes = sizeof(struct entry)};

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		struct entry *entry = hash_map__add_another(&map, 1 + i % 10);

		assert_non_null(entry);
		entry->stack = i;
	}
	assert_int_equal(map.cnt, 1000);
	for (uint32_t key = 1; key <= 10; key++)
		assert_int_equal(count_others(&map, key), 100);
	hash_map__remove(&map, hash_map__find(&map, 7));
	assert_int_equal(count_others(&map, 7), 99);
	assert_int_equal(count_others(&map, 11), 0);
	hash_map__release(&map);
}

static void test_slots_come_and_go(void **state)
{
	struct hash_map map = {.entry_bytes = sizeof(struct entry)};
	size_t least;

	(void)state;
	hash_map__clear(&map);
	hash_map__shrink(&map);
	assert_null(map.slots);
	assert_int_equal(hash_map__reserve(&map, 1), 0);
	least = hash_map__bytes(&map);
	assert_int_equal(hash_map__reserve(&map, 1000), 0);
	assert_true(map.slot_cnt >= 2000);
	for (uint64_t key = 1; key <= 1000; key++) {
		assert_false(hash_map__is_full(&map));
		assert_non_null(hash_map__add(&map, key));
	}
	hash_map__shrink(&map);
	assert_true(map.slot_cnt >= 2000);
	hash_map__clear(&map);
	assert_int_equal(map.cnt, 0);
	for (uint64_t key = 1; key <= 1000; key++)
		assert_null(hash_map__find(&map, key));
	assert_non_null(hash_map__add(&map, 5));
	hash_map__shrink(&map);
	assert_int_equal(hash_map__bytes(&map), least);
	assert_non_null(hash_map__find(&map, 5));
	hash_map__release(&map);
}

static void test_refusal_changes_nothing(void **state)
{
	struct account *account;
	struct hash_map map = {.entry_bytes = sizeof(struct entry)};

	(void)state;
	assert_int_equal(account__new(&account, 1 << 20, NULL), 0);
	map.account = account;
	account__refuse_nth(account, 1);
	assert_null(hash_map__add(&map, 1));
	assert_int_equal(errno, EDQUOT);
	assert_null(hash_map__find(&map, 1));
	for (uint64_t key = 1; !map.cnt || !hash_map__is_full(&map); key++)
		assert_non_null(hash_map__add(&map, key));
	account__refuse_nth(account, 1);
	assert_null(hash_map__add(&map, 1000));
	assert_int_equal(errno, EDQUOT);
	for (uint64_t key = 1; key <= map.cnt; key++)
		assert_non_null(hash_map__find(&map, key));
	account__refuse_nth(account, 1);
	hash_map__shrink(&map); /* a refused shrink is not an error */
	account__refuse_nth(account, 0);
	assert_null(hash_map__add(&map, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(hash_map__find(&map, 0));
	assert_non_null(hash_map__add(&map, 1000));
	hash_map__release(&map);
	assert_int_equal(account__usage(account).used_bytes, 0);
	account__close(account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_put_replaces),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_wrap_around),
		cmocka_unit_test(test_removal_on_the_way),
		cmocka_unit_test(test_entries_of_the_same_key),
		cmocka_unit_test(test_slots_come_and_go),
		cmocka_unit_test(test_refusal_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
