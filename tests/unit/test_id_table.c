// SPDX-License-Identifier: BSD-2-Clause
#include "util/id_table.h"

#include <errno.h>
#include <stdlib.h>

#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"
#include "util/hash.h"

#define ITEM_CNT 20000

static bool is_number(const void *owner, uint32_t id, const void *key)
{
	return ((const uint64_t *)owner)[id] == *(const uint64_t *)key;
}

static void test_empty_table(void **state)
{
	struct id_table table = {};
	uint64_t key = 1;

	(void)state;
	assert_int_equal(id_table__find(&table, 1, is_number, NULL, &key), ID_TABLE_NONE);
	id_table__release(&table);
}

/* With hashes of @hash_bits bits, so that items share hashes. */
static void check_all_are_found(unsigned int hash_bits)
{
	_cleanup_free_ uint64_t *numbers = calloc(ITEM_CNT, sizeof(*numbers));
	_cleanup_(id_table__release) struct id_table table = {};
	uint64_t mask = UINT64_MAX >> (64 - hash_bits);

	assert_non_null(numbers);
	for (uint32_t i = 0; i < ITEM_CNT; i++) {
		uint64_t hash;

		numbers[i] = (uint64_t)i * i;
		hash = hash__bytes(&numbers[i], sizeof(*numbers)) & mask;
		assert_int_equal(id_table__find(&table, hash, is_number, numbers, &numbers[i]),
				 ID_TABLE_NONE);
		assert_int_equal(id_table__add(&table, hash, i), 0);
	}
	assert_int_equal(table.map.cnt, ITEM_CNT);
	for (uint32_t i = 0; i < ITEM_CNT; i++) {
		uint64_t other = numbers[i] + 2; /* no two squares are 2 apart */

		assert_int_equal(id_table__find(&table,
						hash__bytes(&numbers[i], sizeof(*numbers)) & mask,
						is_number, numbers, &numbers[i]),
				 i);
		assert_int_equal(id_table__find(&table, hash__bytes(&other, sizeof(other)) & mask,
						is_number, numbers, &other),
				 ID_TABLE_NONE);
	}
}

static void test_all_are_found(void **state)
{
	(void)state;
	check_all_are_found(64);
}

static void test_items_of_the_same_hash(void **state)
{
	(void)state;
	check_all_are_found(8);
}

static void test_ids_end(void **state)
{
	_cleanup_(id_table__release) struct id_table table = {};

	(void)state;
	assert_int_equal(id_table__add(&table, 1, ID_TABLE_NONE), -ENOMEM);
	assert_int_equal(id_table__add(&table, 1, (size_t)ID_TABLE_NONE + 1), -ENOMEM);
	assert_int_equal(table.map.cnt, 0);
	assert_int_equal(id_table__add(&table, 1, ID_TABLE_NONE - 1), 0);
}

static void test_items_that_are_appended(void **state)
{
	_cleanup_(id_table__release) struct id_table table = {};
	_cleanup_account_free_ uint64_t *numbers = NULL;
	size_t capacity = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		assert_int_equal(ID_TABLE_APPEND(&table, i % 10, numbers, capacity, i), 0);
		assert_true(capacity > i);
		numbers[i] = i * i;
	}
	for (uint64_t i = 0, number = 0; i < 1000; i++, number = i * i)
		assert_int_equal(id_table__find(&table, i % 10, is_number, numbers, &number), i);
}

/* Whether there is no room for the item, or none in the table. */
static void test_refusal_appends_nothing(void **state)
{
	struct id_table table = {};
	struct account *account;
	uint64_t *numbers = NULL;
	size_t capacity = 0;

	(void)state;
	assert_int_equal(account__new(&account, 1 << 20, NULL), 0);
	table.map.account = account;
	for (uint64_t nth = 1; nth <= 2; nth++) {
		account__refuse_nth(account, nth);
		assert_int_equal(ID_TABLE_APPEND(&table, 1, numbers, capacity, 0), -EDQUOT);
		assert_int_equal(table.map.cnt, 0);
		account__free(TAKE_PTR(numbers));
		capacity = 0;
	}
	account__refuse_nth(account, 0);
	assert_int_equal(ID_TABLE_APPEND(&table, 1, numbers, capacity, 0), 0);
	id_table__release(&table);
	account__free(numbers);
	assert_int_equal(account__usage(account).used_bytes, 0);
	account__close(account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_table),
		cmocka_unit_test(test_all_are_found),
		cmocka_unit_test(test_items_of_the_same_hash),
		cmocka_unit_test(test_ids_end),
		cmocka_unit_test(test_items_that_are_appended),
		cmocka_unit_test(test_refusal_appends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
