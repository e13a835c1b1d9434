// SPDX-License-Identifier: BSD-2-Clause
/* Texts as the kernel writes them, and as only a hostile process could cause them. */
#include "target/proc_fields.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

static void test_state(void **state)
{
	(void)state;
	assert_int_equal(proc_fields__state("7 (cat) S 1 7 7 0 -1\n"), 'S');
	assert_int_equal(proc_fields__state("7 (a) Z (b) R 1 7\n"), 'R');
	assert_int_equal(proc_fields__state("7 (cat)"), -EIO);
	assert_int_equal(proc_fields__state("7 (cat) "), -EIO);
	assert_int_equal(proc_fields__state(""), -EIO);
}

static void test_start(void **state)
{
	/* proc_pid_stat(5): 22 fields; the second is in parentheses. */
	static const char right[] =
		"7 (a) (b c) S 1 7 7 0 -1 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20",
			  cut[] = "7 (a) S 1 7 7 0 -1 6 7 8 9 10 11 12 13 14 15 16 17 18 ",
			  none[] = "7 (a) S 1 7 7 0 -1 6 7 8 9 10 11 12 13 14 15 16 17 18 x 20",
			  large[] = "7 (a) S 1 7 7 0 -1 6 7 8 9 10 11 12 13 14 15 16 17 18 "
				    "99999999999999999999999 20";
	uint64_t ticks = 1;

	(void)state;
	assert_int_equal(proc_fields__start_ticks(cut, &ticks), -EIO);
	assert_int_equal(proc_fields__start_ticks(none, &ticks), -EIO);
	assert_int_equal(proc_fields__start_ticks(large, &ticks), -EIO);
	assert_int_equal(proc_fields__start_ticks("", &ticks), -EIO);
	assert_int_equal(ticks, 1);
	assert_int_equal(proc_fields__start_ticks(right, &ticks), 0);
	assert_int_equal(ticks, 4711);
}

static void test_used_bytes(void **state)
{
	uint64_t bytes = 42;

	(void)state;
	assert_int_equal(proc_fields__used_bytes("Name:\tVmRSS: 7\nTgid:\t7\n", &bytes), -EIO);
	assert_int_equal(bytes, 42);
	assert_int_equal(proc_fields__used_bytes("Name:\tcat\nVmRSS:\t    2048 kB\n", &bytes), 0);
	assert_int_equal(bytes, 2048 * 1024);
	assert_int_equal(proc_fields__used_bytes("Name:\tcat\nVmRSS:\t  1 kB\nVmSwap:\t  4 kB\n"
						 "HugetlbPages:\t  2048 kB\n",
						 &bytes),
			 0);
	assert_int_equal(bytes, 2053 * 1024);
	assert_int_equal(proc_fields__used_bytes("a\nVmRSS:\t18446744073709551615 kB\n", &bytes),
			 -EIO);
}

static void test_swapped_bytes(void **state)
{
	uint64_t bytes = 99;

	(void)state;
	assert_int_equal(proc_fields__swapped_bytes("Name:\tcat\nVmRSS:\t7 kB\n", &bytes), 0);
	assert_int_equal(bytes, 0);
	assert_int_equal(proc_fields__swapped_bytes("Name:\tcat\nRssAnon:\t   1 kB\n"
						    "VmSwap:\t    12 kB\n",
						    &bytes),
			 0);
	assert_int_equal(bytes, 12 * 1024);
}

static void test_written_bytes(void **state)
{
	uint64_t bytes = 42;

	(void)state;
	assert_int_equal(proc_fields__written_bytes("Name:\tcat\nVmSwap:\t7 kB\n", &bytes), -EIO);
	assert_int_equal(bytes, 42);
	assert_int_equal(proc_fields__written_bytes("Name:\tcat\nVmRSS:\t    900 kB\n"
						    "RssAnon:\t    20 kB\nRssFile:\t    80 kB\n"
						    "RssShmem:\t    800 kB\nVmSwap:\t   3 kB\n",
						    &bytes),
			 0);
	assert_int_equal(bytes, 23 * 1024);
	assert_int_equal(proc_fields__page_table_bytes("Name:\tcat\nVmPTE:\t  8 kB\n", &bytes), 0);
	assert_int_equal(bytes, 8 * 1024);
	assert_int_equal(proc_fields__page_table_bytes("Name:\tVmPTE: 8 kB\n", &bytes), -EIO);
}

static void test_status(void **state)
{
	static const char status[] =
		"Name:\tcat\nUmask:\t0022\nState:\tR (running)\nTgid:\t7\n"
		"Ngid:\t0\nUid:\t4294967294\t0\t0\t0\nvoluntary_ctxt_switches:\t40\n"
		"nonvoluntary_ctxt_switches:\t2\n";
	uint32_t user = 1;
	uint64_t switches = 0;
	bool runs = false;

	(void)state;
	assert_int_equal(proc_fields__thread_group(status), 7);
	assert_int_equal(proc_fields__user(status, &user), 0);
	assert_int_equal(user, 4294967294);
	assert_int_equal(proc_fields__user("Name:\tcat\nUid:\t\n", &user), -EIO);
	assert_int_equal(proc_fields__switches(status, &switches, &runs), 0);
	assert_int_equal(switches, 42);
	assert_true(runs);
	assert_int_equal(proc_fields__switches("Name:\tcat\nState:\tS\n", &switches, &runs), -EIO);
	assert_int_equal(switches, 42);
	assert_int_equal(proc_fields__thread_group("Name:\tTgid: 5\n"), -EIO);
	assert_int_equal(proc_fields__thread_group("\nTgid:\t99999999999\n"), -EIO);
}

static void check_cgroup(const char *text, const char *expected)
{
	_cleanup_free_ char *path = proc_fields__cgroup(text);

	assert_string_equal(path, expected);
}

static void test_pid_namespace(void **state)
{
	(void)state;
	assert_true(proc_fields__is_in_own_pid_namespace("Name:\tcat\nNSpid:\t17\nNSpgid:\t1\n"));
	assert_false(
		proc_fields__is_in_own_pid_namespace("Name:\tcat\nNSpid:\t17\t1\nNSpgid:\t1\n"));
	assert_false(proc_fields__is_in_own_pid_namespace("Name:\tNSpid: 17\n"));
	assert_false(proc_fields__is_in_own_pid_namespace("Name:\tcat\nNSpid:\t17"));
}

static void test_cgroup(void **state)
{
	(void)state;
	check_cgroup("0::/a/b\n", "/a/b");
	check_cgroup("2:cpu:/x\n1:name=systemd:/y\n0::/a b\n", "/a b");
	check_cgroup("10::/x\n", "");
	check_cgroup("2:cpu:/0::/x\n", "");
	check_cgroup("", "");
	check_cgroup("0::", "");
}

static void check_arguments(const char *text, size_t size, bool is_cut, const char *const *expected,
			    size_t cnt)
{
	bool is_missing = is_cut;
	char **arguments = proc_fields__arguments(text, size, &is_missing);

	assert_non_null(arguments);
	assert_int_equal(is_missing, is_cut);
	for (size_t i = 0; i < cnt; i++)
		assert_string_equal(arguments[i], expected[i]);
	assert_null(arguments[cnt]);
	proc_fields__free_arguments(arguments);
}

#define CHECK_ARGUMENTS(text, is_cut, ...)                                                         \
	check_arguments(text, sizeof(text) - 1, is_cut, (const char *const[]){__VA_ARGS__},        \
			ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

static void test_arguments(void **state)
{
	(void)state;
	check_arguments("", 0, false, NULL, 0);
	CHECK_ARGUMENTS("a\0", false, "a");
	CHECK_ARGUMENTS("a\0\0b c\0\0", false, "a", "", "b c", "");
	/* A process may overwrite its command line. */
	CHECK_ARGUMENTS("title", false, "title");
	CHECK_ARGUMENTS("\0\0", false, "", "");
}

/* "\xe2\x82\xac" is one character. */
static void test_arguments_that_were_cut(void **state)
{
	(void)state;
	check_arguments("", 0, true, NULL, 0);
	CHECK_ARGUMENTS("a\0bcd", true, "a", "bcd...");
	CHECK_ARGUMENTS("a\0b\0", true, "a", "b...");
	CHECK_ARGUMENTS("a\0b\xe2\x82", true, "a", "b...");
	CHECK_ARGUMENTS("a\0b\xe2\x82\xac", true, "a", "b\xe2\x82\xac...");
}

static void test_too_many_arguments(void **state)
{
	char text[4096] = "";
	bool is_cut = false;
	char **arguments;
	size_t cnt = 0;

	(void)state;
	arguments = proc_fields__arguments(text, PROC_ARGUMENTS_MAX, &is_cut);
	assert_false(is_cut);
	proc_fields__free_arguments(arguments);
	arguments = proc_fields__arguments(text, sizeof(text), &is_cut);
	assert_true(is_cut);
	while (arguments[cnt])
		cnt++;
	assert_int_equal(cnt, PROC_ARGUMENTS_MAX);
	assert_string_equal(arguments[cnt - 2], "");
	assert_string_equal(arguments[cnt - 1], "...");
	proc_fields__free_arguments(arguments);
}

static void test_threads(void **state)
{
	static const struct {
		const char *status, *name;
		int inner_id;
	} cases[] = {
		{"Name:\tworker\nNSpid:\t70\n", "worker", 70},
		{"Name:\tworker\nNSpid:\t70\t8\t3\n", "worker", 3},
		{"Name:\ta\\nb\\\\c\nNSpid:\t7 x\n", "a\nb\\c", 7},
		{"Name:\ta name of more than 15\nNSpid:\t99999999999\n", "a name of more ", -EIO},
		{"State:\tS\nNSpid:\n", "", -EIO},
		{"", "", -EIO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[16] = "?";

		proc_fields__name(cases[i].status, name, sizeof(name));
		assert_string_equal(name, cases[i].name);
		assert_int_equal(proc_fields__inner_id(cases[i].status), cases[i].inner_id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_used_bytes),
		cmocka_unit_test(test_swapped_bytes),
		cmocka_unit_test(test_written_bytes),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_pid_namespace),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_arguments_that_were_cut),
		cmocka_unit_test(test_too_many_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
