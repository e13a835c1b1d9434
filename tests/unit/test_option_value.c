// SPDX-License-Identifier: BSD-2-Clause
/*
 * The table of options is consistent: every value that it states, including its bounds, is
 * accepted. test_options.c checks which values are accepted.
 */
#include "cmd/option_value.h"

#include <string.h>

#include "unit_test.h"

static void check_is_set(const struct option_row *row, const char *text)
{
	struct options options = {};

	if (text && !option_value__set(row, text, &options))
		fail_msg("--%s: %s is refused", row->name, text);
}

static void test_rows(void **state)
{
	const struct option_row *row;
	uint64_t seen = 0;

	(void)state;
	for (size_t i = 0; (row = option_table__at(i)); i++) {
		bool has_value = row->kind != OPTION_FLAG && !row->stands_for;

		assert_true(row->id < OPTION_TABLE_MAX && !(seen & 1UL << row->id));
		seen |= 1UL << row->id;
		assert_ptr_equal(option_table__find(row->id), row);
		assert_false(row->preset && row->preset_is);
		if (row->kind == OPTION_ACTION)
			continue;
		assert_int_equal(row->argument != NULL, has_value);
		check_is_set(row, row->preset);
		check_is_set(row, row->stands_for);
		if (row->kind == OPTION_LIST)
			continue;
		check_is_set(row, row->min);
		check_is_set(row, row->max);
	}
}

static void test_what_is_wanted(void **state)
{
	static const struct {
		enum option_id id;
		const char *wanted;
	} cases[] = {
		{OPTION_PID, "a process ID"},
		{OPTION_SITES, "a number from 0 to 5"},
		{OPTION_TOP, "a number from 1 to 1000000"},
		{OPTION_INTERVAL, "a time from 10ms to 366d"},
		{OPTION_SAMPLE_BYTES, "a size from 0 to 1GiB"},
		{OPTION_MAX_MEMORY, "a size, such as 512MiB"},
		{OPTION_BELOW, "a percentage from 0 to 100"},
		{OPTION_MODE, "watch or full"},
		{OPTION_FORMAT, "text, json, collapsed, pprof or database"},
		{OPTION_BY, "type, owner, size, arena, referrers or via"},
		{OPTION_OBJECT, "an address, such as 0x7f0123400000"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct option_wanted wanted = option_value__wanted(option_table__find(cases[i].id));

		assert_string_equal(wanted.text, cases[i].wanted);
	}
}

static void test_list_is_bounded(void **state)
{
	const struct option_row *row = option_table__find(OPTION_ALERT_TO);
	struct options options = {};

	(void)state;
	for (size_t i = 0; i < ALERT_DESTINATIONS_MAX; i++)
		assert_true(option_value__set(row, "x", &options));
	assert_false(option_value__set(row, "x", &options));
	assert_int_equal(options.alerting.to.cnt, ALERT_DESTINATIONS_MAX);
	_Static_assert(ALERT_DESTINATIONS_MAX <= TEXT_LIST_MAX, "the room of a list");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_what_is_wanted),
		cmocka_unit_test(test_list_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
