// SPDX-License-Identifier: BSD-2-Clause
#include "output/collapsed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sample_profile.h"
#include "unit_test.h"
#include "util/cleanup.h"

static char *write_collapsed(const struct profile *profile, enum profile_value value)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(collapsed__write(profile, value, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(strlen(text), size);
	return text;
}

static void assert_collapsed(const struct profile *profile, enum profile_value value,
			     const char *expected)
{
	_cleanup_free_ char *text = write_collapsed(profile, value);

	assert_string_equal(text, expected);
}

static void test_sample(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new();

	(void)state;
	assert_collapsed(profile, PROFILE_LIVE_BYTES,
			 "[no stack] 50\n"
			 "[truncated];loads (/usr/lib/python3.11/json/__init__.py:346);"
			 "scan_once (_json.so) 400\n"
			 "main (app.py:10);handle (app.py:42);"
			 "loads (/usr/lib/python3.11/json/__init__.py:346) 1000\n"
			 "main (app.py:10);handle (app.py:43) 2000\n");
}

static void test_stacks_without_the_value_are_left_out(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new();

	(void)state;
	assert_collapsed(profile, PROFILE_GROWN_BYTES,
			 "[truncated];loads (/usr/lib/python3.11/json/__init__.py:346);"
			 "scan_once (_json.so) 1048576\n"
			 "main (app.py:10);handle (app.py:43) 32768\n");
}

static void test_no_stacks(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();

	(void)state;
	assert_collapsed(profile, PROFILE_LIVE_BYTES, "");
}

/* Each line has one value and each frame is one frame, whatever their names are. */
static void test_nasty_texts(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();

	(void)state;
	sample_profile__add_one(profile, "a;b", "c;d.py", 1, 1);
	sample_profile__add_one(profile, "b 12", NULL, 0, 2);
	sample_profile__add_one(profile, "c\r\nmain 99", "x\n.py 7", 0, 3);
	sample_profile__add_one(profile, NULL, "\xff.py", 5, 4);
	sample_profile__add_one(profile, "<listcomp>", "C:\\app dir\\x.py", 6, 5);
	assert_collapsed(profile, PROFILE_LIVE_BYTES,
			 "<listcomp> (C:\\app dir\\x.py:6) 5\n"
			 "[unknown] (\xef\xbf\xbd.py:5) 4\n"
			 "a:b (c:d.py:1) 1\n"
			 "b 12 (?) 2\n"
			 "c??main 99 (x?.py 7) 3\n");
}

static void test_extreme_values(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();

	(void)state;
	sample_profile__add_one(profile, "f", "a.py", INT32_MAX, INT64_MAX);
	sample_profile__add_one(profile, "g", "a.py", 1, INT64_MIN);
	assert_collapsed(profile, PROFILE_LIVE_BYTES,
			 "f (a.py:2147483647) 9223372036854775807\n"
			 "g (a.py:1) -9223372036854775808\n");
}

static void test_order_does_not_matter(void **state)
{
	_cleanup_(profile__freep) struct profile *one = sample_profile__new_empty();
	_cleanup_(profile__freep) struct profile *other = sample_profile__new_empty();
	_cleanup_free_ char *one_text = NULL;
	char name[16];

	(void)state;
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "f%d", i * 7 % 500);
		sample_profile__add_one(one, name, "a.py", 1, i * 7 % 500 + 1);
		snprintf(name, sizeof(name), "f%d", i);
		sample_profile__add_one(other, name, "a.py", 1, i + 1);
	}
	one_text = write_collapsed(one, PROFILE_LIVE_BYTES);
	assert_collapsed(other, PROFILE_LIVE_BYTES, one_text);
}

static void test_full_disk(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new();
	_cleanup_fclose_ FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(collapsed__write(profile, PROFILE_LIVE_BYTES, full), -ENOSPC);
}

/* A profile and its lines, with each allocation refused in turn. */
static int write_with(struct account *account)
{
	const struct profile_frame frames[] = {SAMPLE_PYTHON("f", "a.py", 1),
					       SAMPLE_PYTHON("g", "b.py", 2)};
	const int64_t values[PROFILE_VALUE_CNT] = {[PROFILE_LIVE_BYTES] = 7};
	const struct profile_info info = {.pid = 1, .comm = "python3"};
	_cleanup_(profile__freep) struct profile *profile = NULL;
	_cleanup_fclose_ FILE *out = fopen("/dev/null", "w");
	int err = profile__new(&profile, &info, account);

	assert_non_null(out);
	if (!err)
		err = profile__add(profile, frames, ARRAY_SIZE(frames), false, values);
	return err ? err : collapsed__write(profile, PROFILE_LIVE_BYTES, out);
}

static void test_every_refusal_is_survived(void **state)
{
	uint64_t nth = 0;
	int err;

	(void)state;
	do {
		struct account *account;

		assert_int_equal(account__new(&account, UINT64_MAX, NULL), 0);
		account__refuse_nth(account, ++nth);
		err = write_with(account);
		assert_true(!err || err == -EDQUOT);
		assert_int_equal(account__usage(account).refused, err != 0);
		assert_int_equal(account__usage(account).used_bytes, 0);
		account__close(account);
	} while (err);
	/* Six strings; five kinds of arrays, four tables; the lines, of which there is one */
	assert_int_equal(nth - 1, 6 + 5 + 4 + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_stacks_without_the_value_are_left_out),
		cmocka_unit_test(test_no_stacks),
		cmocka_unit_test(test_nasty_texts),
		cmocka_unit_test(test_extreme_values),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_every_refusal_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
