// SPDX-License-Identifier: BSD-2-Clause
#include "census/dict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_memory.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define DICT   0x7e0000000000UL
#define KEYS   0x7e0000010000UL
#define VALUES 0x7e0000020000UL

static struct fake_memory memory;

static int set_up(void **state)
{
	(void)state;
	fake_memory__init(&memory);
	fake_memory__map(&memory, DICT, 64);
	fake_memory__map(&memory, KEYS, 65536);
	fake_memory__map(&memory, VALUES, 4096);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_memory__release(&memory);
	return 0;
}

static void put(uint64_t address, const uint64_t *words, size_t cnt)
{
	memcpy(fake_memory__at(&memory, address, cnt * 8), words, cnt * 8);
}

#define PUT(address, ...)                                                                          \
	put(address, (uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / 8)

/* Keys and values alternate. */
static void check(enum dict_layout layout, const uint64_t *pairs, size_t cnt)
{
	uint64_t room = DICT_ENTRIES_MAX;
	struct dict_entry *entries;
	size_t found;

	assert_int_equal(dict__read(&entries, &found, &memory.memory, layout, DICT, &room), 0);
	assert_int_equal(found, cnt);
	for (size_t i = 0; i < cnt; i++) {
		assert_int_equal(entries[i].key, pairs[2 * i]);
		assert_int_equal(entries[i].value, pairs[2 * i + 1]);
	}
	account__free(entries);
}

#define CHECK(layout, ...)                                                                         \
	check(layout, (uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / 16)

static void check_refused(enum dict_layout layout, int err)
{
	uint64_t room = DICT_ENTRIES_MAX;
	struct dict_entry *entries;
	size_t found;

	assert_int_equal(dict__read(&entries, &found, &memory.memory, layout, DICT, &room), err);
}

/* 2.7: hash, key, value; free slots, and one whose value was deleted. */
static void test_table(void **state)
{
	(void)state;
	PUT(DICT, 1, 2, 3, 2, 7, KEYS);
	PUT(KEYS + 24, 11, 0xa0, 0xa8);
	PUT(KEYS + 5 * 24, 12, 0xb0, 0xb8);
	PUT(KEYS + 7 * 24, 13, 0xc0, 0);
	CHECK(DICT_OF_TABLE, 0xa0, 0xa8, 0xb0, 0xb8);
	PUT(DICT, 1, 2, 3, 2, 6, KEYS);
	check_refused(DICT_OF_TABLE, -EINVAL);
	PUT(DICT, 1, 2, 3, 8, 7, KEYS);
	check_refused(DICT_OF_TABLE, -EINVAL);
}

/* 3.6: indices of one byte, of two. */
static void test_entries(void **state)
{
	(void)state;
	PUT(DICT, 1, 2, 2, 0, KEYS, 0);
	PUT(KEYS, 1, 8, 0x1234, 2, 3);
	PUT(KEYS + 40 + 8, 11, 0xa0, 0xa8, 12, 0, 0, 13, 0xc0, 0xc8);
	CHECK(DICT_OF_ENTRIES, 0xa0, 0xa8, 0xc0, 0xc8);
	PUT(KEYS, 1, 512, 0x1234, 2, 1);
	PUT(KEYS + 40 + 1024, 11, 0xa0, 0xa8);
	CHECK(DICT_OF_ENTRIES, 0xa0, 0xa8);
	PUT(KEYS, 1, 9, 0x1234, 2, 1);
	check_refused(DICT_OF_ENTRIES, -EINVAL);
	PUT(KEYS, 1, 8, 0x1234, 2, 9);
	check_refused(DICT_OF_ENTRIES, -EINVAL);
	PUT(KEYS, 1, 1UL << 30, 0x1234, 2, DICT_ENTRIES_MAX + 1);
	check_refused(DICT_OF_ENTRIES, -E2BIG);
	PUT(KEYS, 1, 1UL << 30, 0x1234, 2, 100);
	check_refused(DICT_OF_ENTRIES, -EFAULT);
}

/* Values with shared keys: one of them is not set. */
static void test_shared_keys(void **state)
{
	(void)state;
	PUT(DICT, 1, 2, 2, 0, KEYS, VALUES);
	PUT(KEYS, 1, 8, 0x1234, 2, 3);
	PUT(KEYS + 40 + 8, 11, 0xa0, 0, 12, 0xb0, 0, 13, 0xc0, 0);
	PUT(VALUES, 0xa8, 0, 0xc8);
	CHECK(DICT_OF_ENTRIES, 0xa0, 0xa8, 0xc0, 0xc8);
}

/* The words from dk_log2_size on, for 8 slots. */
#define KINDS(kind) (3UL | 3UL << 8 | (uint64_t)(kind) << 16)

static void test_kinds(void **state)
{
	(void)state;
	PUT(DICT, 1, 2, 2, 0, KEYS, 0);
	PUT(KEYS, 1, KINDS(0), 2, 2);
	PUT(KEYS + 32 + 8, 11, 0xa0, 0xa8, 12, 0xb0, 0xb8);
	CHECK(DICT_OF_KINDS, 0xa0, 0xa8, 0xb0, 0xb8);
	PUT(KEYS, 1, KINDS(1), 2, 2);
	PUT(KEYS + 32 + 8, 0xa0, 0xa8, 0xb0, 0xb8);
	CHECK(DICT_OF_KINDS, 0xa0, 0xa8, 0xb0, 0xb8);
	CHECK(DICT_OF_SIZED_VALUES, 0xa0, 0xa8, 0xb0, 0xb8);
	/* Shared keys: values with, and without, the count of values. */
	PUT(DICT, 1, 2, 2, 0, KEYS, VALUES);
	PUT(KEYS, 1, KINDS(2), 2, 2);
	PUT(KEYS + 32 + 8, 0xa0, 0, 0xb0, 0);
	PUT(VALUES, 0xa8, 0xb8);
	CHECK(DICT_OF_KINDS, 0xa0, 0xa8, 0xb0, 0xb8);
	PUT(VALUES, 0x02020001, 0xa8, 0xb8);
	CHECK(DICT_OF_SIZED_VALUES, 0xa0, 0xa8, 0xb0, 0xb8);
	PUT(KEYS, 1, KINDS(3), 2, 2);
	check_refused(DICT_OF_KINDS, -EINVAL);
	PUT(KEYS, 1, KINDS(1), 2, 9);
	check_refused(DICT_OF_KINDS, -EINVAL);
	PUT(KEYS, 1, 3UL | 60UL << 8, 2, 1);
	check_refused(DICT_OF_KINDS, -EINVAL);
}

static void test_not_there(void **state)
{
	(void)state;
	PUT(DICT, 1, 2, 0, 0, 7, 0x7e0000990000);
	check_refused(DICT_OF_TABLE, -EFAULT);
	for (enum dict_layout layout = DICT_OF_ENTRIES; layout <= DICT_OF_SIZED_VALUES; layout++) {
		PUT(DICT, 1, 2, 0, 0, 0x7e0000990000, 0);
		check_refused(layout, -EFAULT);
	}
	memory.error = -ESRCH;
	check_refused(DICT_OF_KINDS, -ESRCH);
}

static void test_versions(void **state)
{
	(void)state;
	assert_int_equal(dict_layout__of_version(2, 7), DICT_OF_TABLE);
	assert_int_equal(dict_layout__of_version(3, 6), DICT_OF_ENTRIES);
	assert_int_equal(dict_layout__of_version(3, 10), DICT_OF_ENTRIES);
	assert_int_equal(dict_layout__of_version(3, 11), DICT_OF_KINDS);
	assert_int_equal(dict_layout__of_version(3, 12), DICT_OF_KINDS);
	assert_int_equal(dict_layout__of_version(3, 15), DICT_OF_SIZED_VALUES);
}

/*
 * Each dict uses up room for the next ones; a dict for which the room does not suffice uses none.
 */
static void test_room(void **state)
{
	struct dict_entry *entries;
	uint64_t room = 3;
	size_t found;

	(void)state;
	PUT(DICT, 1, 2, 2, 0, KEYS, 0);
	PUT(KEYS, 1, 8, 0x1234, 2, 2);
	PUT(KEYS + 40 + 8, 11, 0xa0, 0xa8, 12, 0xb0, 0xb8);
	assert_int_equal(dict__read(&entries, &found, &memory.memory, DICT_OF_ENTRIES, DICT, &room),
			 0);
	account__free(entries);
	assert_int_equal(found, 2);
	assert_int_equal(room, 1);
	assert_int_equal(dict__read(&entries, &found, &memory.memory, DICT_OF_ENTRIES, DICT, &room),
			 -E2BIG);
	assert_int_equal(room, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_entries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shared_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_kinds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_room, set_up, tear_down),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
