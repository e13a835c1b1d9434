// SPDX-License-Identifier: BSD-2-Clause
/* A profile contains exactly what was added: stacks by their texts, with values summed up. */
#include "analysis/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "sample_profile.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define R "\xef\xbf\xbd" /* U+FFFD */

/* A stack as text, innermost first: "function@file:line/kind ...". The caller frees the result. */
static char *describe(const struct profile *profile, const struct profile_stack *stack)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (size_t i = 0; i < stack->cnt; i++) {
		const struct profile_location *location =
			&profile->locations[profile->stack_locations[stack->first + i]];
		const struct profile_function *function = &profile->functions[location->function];

		fprintf(out, "%s%s@%s:%d/%u", i ? " " : "", profile->strings.texts[function->name],
			profile->strings.texts[function->file], location->line, function->kind);
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

static const struct profile_stack *get_stack(const struct profile *profile, const char *wanted)
{
	const struct profile_stack *found = NULL;

	for (size_t i = 0; i < profile->stack_cnt; i++) {
		_cleanup_free_ char *text = describe(profile, &profile->stacks[i]);

		if (strcmp(text, wanted))
			continue;
		assert_null(found); /* each of them once */
		found = &profile->stacks[i];
	}
	if (!found)
		fail_msg("no stack %s", wanted);
	return found;
}

static void assert_values(const struct profile *profile, const char *stack, const int64_t *values)
{
	assert_memory_equal(get_stack(profile, stack)->values, values,
			    PROFILE_VALUE_CNT * sizeof(*values));
}

static void test_sample(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new();

	(void)state;
	assert_int_equal(profile->stack_cnt, 4);
	assert_values(profile,
		      "loads@/usr/lib/python3.11/json/__init__.py:346/0 handle@app.py:42/0 "
		      "main@app.py:10/0",
		      SAMPLE_VALUES(1000, 10, 300, 0));
	assert_values(profile, "handle@app.py:43/0 main@app.py:10/0",
		      SAMPLE_VALUES(2000, 20, 7, 32768));
	assert_values(profile,
		      "scan_once@_json.so:0/1 loads@/usr/lib/python3.11/json/__init__.py:346/0 "
		      "[truncated]@:0/2",
		      SAMPLE_VALUES(400, 4, 100, 1048576));
	assert_values(profile, "[no stack]@:0/2", SAMPLE_VALUES(50, 1, 0, 0));
	/* handle at two lines is one function with two locations. */
	assert_int_equal(profile->function_cnt, 6);
	assert_int_equal(profile->location_cnt, 7);
}

static void test_info(void **state)
{
	char comm[] = "gun\nicorn";
	struct profile_info info = {.pid = 1, .comm = comm, .time_ns = 2, .sample_bytes = 3};
	_cleanup_(profile__freep) struct profile *profile = NULL;

	(void)state;
	assert_int_equal(profile__new(&profile, &info, NULL), 0);
	comm[0] = 'X';
	assert_int_equal(profile->info.pid, 1);
	assert_string_equal(profile->info.comm, "gun?icorn");
	assert_string_equal(profile->info.python_version, "");
	assert_int_equal(profile->info.time_ns, 2);
	assert_int_equal(profile->info.sample_bytes, 3);
	assert_string_equal(profile->strings.texts[0], "");
	assert_int_equal(profile->stack_cnt, 0);
}

/* Frames that differ in one field only are different, and so are their stacks. */
static void test_what_makes_a_stack_another(void **state)
{
	static const struct profile_frame frames[] = {
		SAMPLE_PYTHON("f", "a.py", 1),
		SAMPLE_PYTHON("g", "a.py", 1),
		SAMPLE_PYTHON("f", "b.py", 1),
		SAMPLE_PYTHON("f", "a.py", 2),
		{.function = "f", .file = "a.py", .line = 1, .kind = PROFILE_FRAME_NATIVE},
	};
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();
	size_t cnt = 0;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
			assert_int_equal(profile__add(profile, &frames[i], 1, false,
						      SAMPLE_VALUES(1)),
					 0);
		assert_int_equal(profile__add(profile, frames, 1, true, SAMPLE_VALUES(1)), 0);
		assert_int_equal(profile__add(profile, frames, 2, false, SAMPLE_VALUES(1)), 0);
		assert_int_equal(profile__add(profile, frames + 1, 2, false, SAMPLE_VALUES(1)), 0);
		assert_int_equal(profile__add(profile, NULL, 0, false, SAMPLE_VALUES(1)), 0);
		assert_int_equal(profile__add(profile, NULL, 0, true, SAMPLE_VALUES(1)), 0);
		if (!round)
			cnt = profile->stack_cnt;
	}
	assert_int_equal(cnt, ARRAY_SIZE(frames) + 5);
	assert_int_equal(profile->stack_cnt, cnt);
	for (size_t i = 0; i < cnt; i++)
		assert_int_equal(profile->stacks[i].values[PROFILE_LIVE_BYTES], 3);
	/* Nothing is stored twice for a stack that exists already. */
	assert_int_equal(profile->stack_location_cnt, ARRAY_SIZE(frames) + 2 + 2 + 2 + 1 + 1);
}

static void test_what_is_not_known(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();

	(void)state;
	sample_profile__add_one(profile, NULL, NULL, 0, 1);
	sample_profile__add_one(profile, "", "", -1, 2);
	sample_profile__add_one(profile, "f", NULL, INT32_MIN, 4);
	sample_profile__add_one(profile, NULL, "a.py", INT32_MAX, 8);
	assert_int_equal(profile->stack_cnt, 3);
	assert_values(profile, "[unknown]@:0/0", SAMPLE_VALUES(3));
	assert_values(profile, "f@:0/0", SAMPLE_VALUES(4));
	assert_values(profile, "[unknown]@a.py:2147483647/0", SAMPLE_VALUES(8));
}

/* A frame that has the marker's name does not become a marker. */
static void test_frame_named_as_a_mark(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();

	(void)state;
	sample_profile__add_one(profile, "[truncated]", NULL, 0, 1);
	assert_int_equal(profile__add(profile, NULL, 0, true, SAMPLE_VALUES(2)), 0);
	assert_values(profile, "[truncated]@:0/0", SAMPLE_VALUES(1));
	assert_values(profile, "[truncated]@:0/2", SAMPLE_VALUES(2));
}

static void test_nasty_texts(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();

	(void)state;
	sample_profile__add_one(profile, "a\nb", "\033[2J\x7f", 1, 1);
	sample_profile__add_one(profile, "\xff\xfe", "caf\xc3\xa9;x", 1, 2);
	sample_profile__add_one(profile, "\xc2\x85", "\xed\xa0\x80", 1, 4);
	assert_values(profile, "a?b@?[2J?:1/0", SAMPLE_VALUES(1));
	assert_values(profile, R R "@caf\xc3\xa9;x:1/0", SAMPLE_VALUES(2));
	assert_values(profile, "??@" R R R ":1/0", SAMPLE_VALUES(4));
	/* Texts that become equal are the same. */
	sample_profile__add_one(profile, "a\tb", "?[2J\001", 1, 8);
	assert_values(profile, "a?b@?[2J?:1/0", SAMPLE_VALUES(9));
}

static void test_sums_that_do_not_fit(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();
	const struct profile_frame frame = SAMPLE_PYTHON("f", "a.py", 1);

	(void)state;
	assert_int_equal(profile__add(profile, &frame, 1, false,
				      SAMPLE_VALUES(1, INT64_MAX, 3, INT64_MIN)),
			 0);
	assert_int_equal(profile__add(profile, &frame, 1, false, SAMPLE_VALUES(1, 1)), -EOVERFLOW);
	assert_int_equal(profile__add(profile, &frame, 1, false, SAMPLE_VALUES(1, 0, 0, -1)),
			 -EOVERFLOW);
	assert_values(profile, "f@a.py:1/0", SAMPLE_VALUES(1, INT64_MAX, 3, INT64_MIN));
	assert_int_equal(profile__add(profile, &frame, 1, false,
				      SAMPLE_VALUES(-1, INT64_MIN, -3, 1)),
			 0);
	assert_values(profile, "f@a.py:1/0", SAMPLE_VALUES(0, -1, 0, INT64_MIN + 1));
}

/*
 * Stacks of a few frames, so that they repeat; each is also a number, by which its values are
 * summed up.
 */
static void test_random_stacks(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();
	int64_t expected[2 * 4 * 4 * 4] = {};
	uint64_t random = 7;
	size_t cnt = 0;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		uint32_t which = prng__below(&random, ARRAY_SIZE(expected));
		struct profile_frame frames[3];
		char names[3][2];

		for (uint32_t at = 0; at < 3; at++) {
			names[at][0] = (char)('a' + (which >> (2 * at) & 3));
			names[at][1] = '\0';
			frames[at] = (struct profile_frame)SAMPLE_PYTHON(names[at], "x.py", 1);
		}
		assert_int_equal(profile__add(profile, frames, 3, which >> 6, SAMPLE_VALUES(i + 1)),
				 0);
		expected[which] += i + 1;
	}
	for (uint32_t which = 0; which < ARRAY_SIZE(expected); which++) {
		char text[64];

		if (!expected[which])
			continue;
		cnt++;
		snprintf(text, sizeof(text), "%c@x.py:1/0 %c@x.py:1/0 %c@x.py:1/0%s",
			 'a' + (which & 3), 'a' + (which >> 2 & 3), 'a' + (which >> 4 & 3),
			 which >> 6 ? " [truncated]@:0/2" : "");
		assert_values(profile, text, SAMPLE_VALUES(expected[which]));
	}
	assert_int_equal(profile->stack_cnt, cnt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_what_makes_a_stack_another),
		cmocka_unit_test(test_what_is_not_known),
		cmocka_unit_test(test_frame_named_as_a_mark),
		cmocka_unit_test(test_nasty_texts),
		cmocka_unit_test(test_sums_that_do_not_fit),
		cmocka_unit_test(test_random_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
