// SPDX-License-Identifier: BSD-2-Clause
#include "target/py_string.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_code.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define AT	   0x7f0000001000UL
#define ELSEWHERE  0x7f0000009000UL
#define MAPPED	   8192
#define INTERNED_1 1U
#define KIND(kind) ((kind) << 2)
#define COMPACT	   (1U << 5)
#define ASCII	   (1U << 6)

struct fixture {
	struct fake_memory memory;
	struct py_offsets offsets;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fake_memory__init(&fixture->memory);
	fake_memory__map(&fixture->memory, AT, MAPPED);
	fixture->offsets = FAKE_OFFSETS;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	fake_memory__release(&fixture->memory);
	free(fixture);
	return 0;
}

static void write_header(struct fixture *fixture, uint64_t length, uint32_t bits)
{
	*fake_memory__word(&fixture->memory, AT + fixture->offsets.unicode_length) = length;
	memcpy(fake_memory__at(&fixture->memory, AT + fixture->offsets.unicode_state, 4), &bits, 4);
}

static void write_data(struct fixture *fixture, uint64_t address, const void *data, size_t size)
{
	memcpy(fake_memory__at(&fixture->memory, address, size), data, size);
}

static void write_compact(struct fixture *fixture, uint64_t length, uint32_t bits, const void *data,
			  size_t size)
{
	write_header(fixture, length, bits);
	write_data(fixture,
		   AT + (bits & ASCII ? fixture->offsets.unicode_ascii_data
				      : fixture->offsets.unicode_compact_data),
		   data, size);
}

static void check_reads(struct fixture *fixture, const char *expected)
{
	_cleanup_free_ char *text = NULL;

	assert_int_equal(py_string__read(&text, &fixture->memory.memory, &fixture->offsets, AT), 0);
	assert_string_equal(text, expected);
}

static void check_refuses(struct fixture *fixture, int err)
{
	char *text = (char *)-1;

	assert_int_equal(py_string__read(&text, &fixture->memory.memory, &fixture->offsets, AT),
			 err);
	assert_ptr_equal(text, (char *)-1);
}

static void test_kinds(void **state)
{
	static const uint16_t two[] = {'a', 0x3c9, 0xffff, 0x7ff, 0x800};
	static const uint32_t four[] = {0x1f40d, 'z', 0x10ffff, 0xe9};

	write_compact(*state, 3, KIND(1) | COMPACT | ASCII, "abc", 3);
	check_reads(*state, "abc");
	write_compact(*state, 0, INTERNED_1 | KIND(1) | COMPACT | ASCII, "", 0);
	check_reads(*state, "");
	write_compact(*state, 3, KIND(1) | COMPACT, "a\xe9\xff", 3);
	check_reads(*state, "a\xc3\xa9\xc3\xbf");
	write_compact(*state, 5, KIND(2) | COMPACT, two, sizeof(two));
	check_reads(*state, "a\xcf\x89\xef\xbf\xbf\xdf\xbf\xe0\xa0\x80");
	write_compact(*state, 4, KIND(4) | COMPACT, four, sizeof(four));
	check_reads(*state, "\xf0\x9f\x90\x8dz\xf4\x8f\xbf\xbf\xc3\xa9");
}

/* A subclass of str keeps a pointer to its characters. */
static void test_not_compact(void **state)
{
	struct fixture *fixture = *state;

	fake_memory__map(&fixture->memory, ELSEWHERE, 16);
	memcpy(fake_memory__at(&fixture->memory, ELSEWHERE, 4), "name", 4);
	write_header(fixture, 4, KIND(1) | ASCII);
	*fake_memory__word(&fixture->memory, AT + fixture->offsets.unicode_compact_data) =
		ELSEWHERE;
	check_reads(fixture, "name");
	fake_memory__unmap(&fixture->memory, ELSEWHERE);
	check_refuses(fixture, -EFAULT);
}

/* Wherever the bits of "interned" end. */
static void test_widths_of_the_state(void **state)
{
	uint32_t rest = KIND(1) | COMPACT | ASCII;

	write_compact(*state, 2, rest, "ab", 2);
	for (uint32_t interned = 0; interned <= 3; interned++) {
		/* Up to 3.11 "ready", from 3.12 on "statically allocated", after it. */
		write_header(*state, 2, rest | interned | 1U << 7);
		check_reads(*state, "ab");
		write_header(*state, 2, rest >> 2 << 8 | interned);
		check_reads(*state, "ab");
		write_header(*state, 2, rest >> 2 << 16 | interned);
		check_reads(*state, "ab");
	}
}

static void test_no_str(void **state)
{
	static const uint32_t no_states[] = {
		0,
		3,
		KIND(3) | COMPACT,
		KIND(5) | COMPACT,
		KIND(7) | COMPACT,
		KIND(2) | COMPACT | ASCII,
		KIND(4) | ASCII,
		3 << 8,
		0x10 << 16,
		UINT32_MAX,
	};
	char text[PY_STRING_CHARACTERS_MAX];

	write_compact(*state, 2, KIND(1) | COMPACT | ASCII, "ab", 2);
	for (size_t i = 0; i < ARRAY_SIZE(no_states); i++) {
		write_header(*state, 2, no_states[i]);
		check_refuses(*state, -EINVAL);
	}
	/* Impossible lengths of otherwise valid text. */
	memset(text, 'x', sizeof(text));
	write_compact(*state, UINT64_MAX, KIND(1) | COMPACT | ASCII, text, sizeof(text));
	check_refuses(*state, -EINVAL);
	write_header(*state, (1UL << 30) + 1, KIND(1) | COMPACT | ASCII);
	check_refuses(*state, -EINVAL);
}

static void test_impossible_characters(void **state)
{
	static const uint32_t beyond[] = {'a', 0x110000}, negative[] = {'a', UINT32_MAX};

	write_compact(*state, 2, KIND(1) | COMPACT | ASCII, "a\x80", 2);
	check_refuses(*state, -EINVAL);
	write_compact(*state, 2, KIND(1) | COMPACT | ASCII, "\0a", 2);
	check_refuses(*state, -EINVAL);
	write_compact(*state, 2, KIND(4) | COMPACT, beyond, sizeof(beyond));
	check_refuses(*state, -EINVAL);
	write_compact(*state, 2, KIND(4) | COMPACT, negative, sizeof(negative));
	check_refuses(*state, -EINVAL);
	/* Control characters are left to the printer. */
	write_compact(*state, 3, KIND(1) | COMPACT | ASCII, "\x1b[m", 3);
	check_reads(*state, "\x1b[m");
}

static void test_lone_surrogates(void **state)
{
	static const uint16_t two[] = {0xd7ff, 0xd800, 0xdcff, 0xdfff, 0xe000};

	write_compact(*state, 5, KIND(2) | COMPACT, two, sizeof(two));
	check_reads(*state, "\xed\x9f\xbf\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xee\x80\x80");
}

static void test_long_ones_are_cut(void **state)
{
	char expected[PY_STRING_CHARACTERS_MAX * 4 + 4] = "";
	uint32_t data[PY_STRING_CHARACTERS_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(data); i++)
		data[i] = 0x1f40d;
	for (size_t i = 0; i < PY_STRING_CHARACTERS_MAX; i++)
		strcat(expected, "\xf0\x9f\x90\x8d");
	write_compact(*state, PY_STRING_CHARACTERS_MAX, KIND(4) | COMPACT, data, sizeof(data));
	check_reads(*state, expected);
	strcat(expected, "...");
	write_header(*state, PY_STRING_CHARACTERS_MAX + 1, KIND(4) | COMPACT);
	check_reads(*state, expected);
	/* The longest length that is possible: characters that are not wanted are not read. */
	write_header(*state, 1UL << 30, KIND(4) | COMPACT);
	check_reads(*state, expected);
}

static void test_unreadable(void **state)
{
	struct fixture *fixture = *state;

	write_compact(fixture, 3, KIND(1) | COMPACT | ASCII, "abc", 3);
	fake_memory__punch_hole(&fixture->memory, AT + fixture->offsets.unicode_ascii_data + 2, 64);
	check_refuses(fixture, -EFAULT);
	write_header(fixture, 2, KIND(1) | COMPACT | ASCII);
	check_reads(fixture, "ab");
	fixture->memory.error = -ESRCH;
	check_refuses(fixture, -ESRCH);
	fixture->memory.error = 0;
	fake_memory__unmap(&fixture->memory, AT);
	check_refuses(fixture, -EFAULT);
}

static void test_bytes_of_python_2(void **state)
{
	struct fixture *fixture = *state;
	char data[PY_STRING_CHARACTERS_MAX + 1], expected[PY_STRING_CHARACTERS_MAX + 4];

	fixture->offsets.unicode_length = PY_NO_OFFSET;
	fixture->offsets.bytes_data = 36;
	*fake_memory__word(&fixture->memory, AT + 16) = 5;
	write_data(fixture, AT + 36, "a\xc3\xa9\xe9z", 5);
	check_reads(fixture, "a\xc3\xa9\xef\xbf\xbdz");
	write_data(fixture, AT + 36, "a\0b", 3);
	check_refuses(fixture, -EINVAL);
	*fake_memory__word(&fixture->memory, AT + 16) = 0;
	check_reads(fixture, "");
	memset(data, 'x', sizeof(data));
	snprintf(expected, sizeof(expected), "%.*s...", PY_STRING_CHARACTERS_MAX, data);
	*fake_memory__word(&fixture->memory, AT + 16) = sizeof(data);
	write_data(fixture, AT + 36, data, sizeof(data));
	check_reads(fixture, expected);
	*fake_memory__word(&fixture->memory, AT + 16) = UINT64_MAX;
	check_refuses(fixture, -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kinds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_compact, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_widths_of_the_state, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_str, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_impossible_characters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lone_surrogates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_ones_are_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bytes_of_python_2, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
