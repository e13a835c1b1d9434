// SPDX-License-Identifier: BSD-2-Clause
#include "util/string_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

#define CNT 3000U

static void test_each_is_held_once(void **state)
{
	_cleanup_(string_table__release) struct string_table table = {};
	uint32_t number;
	char text[32];

	(void)state;
	assert_int_equal(string_table__find(&table, ""), ID_TABLE_NONE);
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < CNT; i++) {
			snprintf(text, sizeof(text), "%u", i * i);
			assert_int_equal(string_table__add(&table, text, &number), round == 0);
			assert_int_equal(number, i);
			assert_int_equal(string_table__find(&table, text), i);
			assert_string_equal(table.texts[i], text);
		}
	assert_int_equal(table.cnt, CNT);
	assert_int_equal(string_table__find(&table, "no number"), ID_TABLE_NONE);
}

/* Whichever allocation is refused, the existing content stays, and nothing leaks. */
static void test_refusal_changes_nothing(void **state)
{
	struct string_table table = {};
	struct account *account;
	uint32_t number = 77;

	(void)state;
	assert_int_equal(account__new(&account, 1 << 20, NULL), 0);
	table.ids.map.account = account;
	for (uint64_t nth = 1; nth <= 3; nth++) {
		account__refuse_nth(account, nth);
		assert_int_equal(string_table__add(&table, "text", &number), -EDQUOT);
		assert_int_equal(table.cnt, 0);
		assert_int_equal(number, 77);
		string_table__release(&table);
		assert_int_equal(account__usage(account).used_bytes, 0);
	}
	account__refuse_nth(account, 0);
	assert_int_equal(string_table__add(&table, "text", &number), 1);
	assert_int_equal(number, 0);
	string_table__release(&table);
	assert_int_equal(account__usage(account).used_bytes, 0);
	account__close(account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_held_once),
		cmocka_unit_test(test_refusal_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
