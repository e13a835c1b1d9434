// SPDX-License-Identifier: BSD-2-Clause
#include "util/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define R "\xef\xbf\xbd" /* U+FFFD */

static void assert_converted(const char *text, const char *expected)
{
	_cleanup_free_ char *utf8 = text__to_utf8(text);

	assert_non_null(utf8);
	assert_string_equal(utf8, expected);
}

/* RFC 3629, section 3, in the other direction: from a code point to its bytes. */
static size_t encode(uint32_t point, char *out)
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xc0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (char)(0xe0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

static void test_every_character_stays(void **state)
{
	_cleanup_free_ char *all = malloc(4 * 0x110000 + 1), *utf8 = NULL;
	size_t length = 0;

	(void)state;
	assert_non_null(all);
	for (uint32_t point = 1; point < 0x110000; point++)
		if (point < 0xd800 || point > 0xdfff)
			length += encode(point, all + length);
	all[length] = '\0';
	assert_true(text__is_utf8(all));
	utf8 = text__to_utf8(all);
	assert_non_null(utf8);
	assert_int_equal(strlen(utf8), length);
	assert_memory_equal(utf8, all, length);
}

static void test_wrong_bytes_are_replaced_one_by_one(void **state)
{
	(void)state;
	assert_converted("", "");
	assert_converted("plain", "plain");
	assert_converted("\x80", R);
	assert_converted("a\xff"
			 "b",
			 "a" R "b");
	assert_converted("\xc0\x80", R R);		     /* U+0000, overlong */
	assert_converted("\xc1\xbf", R R);		     /* U+007F, overlong */
	assert_converted("\xe0\x9f\xbf", R R R);	     /* U+07FF, overlong */
	assert_converted("\xf0\x8f\xbf\xbf", R R R R);	     /* U+FFFF, overlong */
	assert_converted("\xed\xa0\x80", R R R);	     /* U+D800, a surrogate */
	assert_converted("\xed\xbf\xbf", R R R);	     /* U+DFFF, a surrogate */
	assert_converted("\xf4\x90\x80\x80", R R R R);	     /* U+110000 */
	assert_converted("\xf5\x80\x80\x80", R R R R);	     /* no such first byte */
	assert_converted("\xf8\x88\x80\x80\x80", R R R R R); /* five bytes: once allowed */
	/* Truncated, at the end and in the middle: the following characters are kept. */
	assert_converted("\xe2\x82", R R);
	assert_converted("\xf0\x9f\x98", R R R);
	assert_converted("\xc3", R);
	assert_converted("\xe2\x82"
			 "A",
			 R R "A");
	assert_converted("\xe2\xe2\x82\xac", R "\xe2\x82\xac");
}

/* jansson accepts only valid UTF-8, with a decoder of its own. */
static void test_any_bytes_become_what_json_takes(void **state)
{
	uint64_t random = 12345;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		_cleanup_free_ char *utf8 = NULL;
		char text[9] = "";
		json_t *json;

		for (size_t at = 0; at < sizeof(text) - 1; at++) {
			/*
			 * Most bytes are 0x80 or more, because otherwise multi-byte sequences would
			 * be rare.
			 */
			text[at] = (char)(prng__below(&random, 4) ? 0x80 | prng__below(&random, 128)
								  : prng__below(&random, 128));
		}
		utf8 = text__to_utf8(text);
		assert_non_null(utf8);
		json = json_string(utf8);
		assert_non_null(json);
		json_decref(json);
		/* Text that was already valid is unchanged. */
		json = json_string(text);
		assert_int_equal(text__is_utf8(text), json != NULL);
		if (json)
			assert_string_equal(utf8, text);
		json_decref(json);
	}
}

static void test_control_characters_are_made_visible(void **state)
{
	char all[128], *result;

	(void)state;
	for (int i = 1; i < 128; i++)
		all[i - 1] = (char)i;
	all[127] = '\0';
	result = text__make_printable(all);
	assert_ptr_equal(result, all);
	for (int i = 1; i < 128; i++)
		assert_int_equal(all[i - 1], i < ' ' || i == 127 ? '?' : i);
	assert_int_equal(all[127], '\0');
}

/* Other characters that a terminal interprets, or shows in another order than written. */
static const char *const deceptive[] = {
	"\x7f",		"\xc2\x80",	"\xc2\x9b",	"\xc2\x9f",
	"\xd8\x9c",	"\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8",
	"\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9",
};

static void test_deceptive_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(deceptive); i++) {
		_cleanup_free_ char *safe = text__to_safe_utf8(deceptive[i]);
		char copy[8];

		assert_string_equal(safe, R);
		strcpy(copy, deceptive[i]);
		text__make_printable(copy);
		assert_int_equal(strspn(copy, "?"), strlen(deceptive[i]));
	}
}

static void test_safe_text(void **state)
{
	static const char *const stays[] = {
		"\x01\n\x1f",	"caf\xc3\xa9",	"\xc2\xa0",	"\xe2\x80\x8d",	    "\xe2\x80\xa7",
		"\xe2\x80\xaf", "\xe2\x81\xa5", "\xe2\x81\xaa", "\xf0\x9f\x98\x80",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stays); i++) {
		_cleanup_free_ char *safe = text__to_safe_utf8(stays[i]);

		assert_string_equal(safe, stays[i]);
	}
}

/* A terminal that does not use UTF-8 interprets a lone byte as a control character. */
static void test_lone_bytes(void **state)
{
	char text[] = "a\x9b"
		      "2J\xff\xe2\x80";
	_cleanup_free_ char *safe = text__to_safe_utf8(text);

	(void)state;
	assert_string_equal(safe, "a" R "2J" R R R);
	assert_string_equal(text__make_printable(text), "a?2J???");
}

static void test_printable_text_stays(void **state)
{
	char text[] = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80";

	(void)state;
	assert_string_equal(text__make_printable(text),
			    "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void test_escape_sequences_are_disarmed(void **state)
{
	char clear_screen[] = "a\033[2Jb", title[] = "\033]0;owned\007", lines[] = "a\r\nb\tc";

	(void)state;
	assert_string_equal(text__make_printable(clear_screen), "a?[2Jb");
	assert_string_equal(text__make_printable(title), "?]0;owned?");
	assert_string_equal(text__make_printable(lines), "a??b?c");
}

static void assert_written(char *const *words, size_t size, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t written;
	FILE *out = open_memstream(&text, &written);

	assert_non_null(out);
	text__write_words(words, size, out);
	fclose(out);
	assert_string_equal(text, expected);
}

static void test_words(void **state)
{
	char *const none[] = {NULL}, *const words[] = {"one", "", "t\x1b", NULL};
	_cleanup_free_ char *nothing = text__join(none), *joined = text__join(words);

	(void)state;
	assert_string_equal(nothing, "");
	assert_string_equal(joined, "one  t\x1b");
	assert_written(none, 0, "");
	assert_written(words, 7, "one  t?");
	assert_written(words, 6, "one  t...");
	assert_written(words, 0, "...");
}

static void check_shortened(const char *text, size_t bytes_max, const char *expected)
{
	_cleanup_free_ char *shortened = text__shorten(text, bytes_max);

	assert_string_equal(shortened, expected);
}

static void test_shorten(void **state)
{
	(void)state;
	check_shortened("", 3, "");
	check_shortened("abcdef", 6, "abcdef");
	check_shortened("abcdefg", 6, "abc...");
	check_shortened("abcd", 3, "...");
	/* Characters of two, three and four bytes are removed as a whole. */
	check_shortened("ab\xc3\xa4"
			"cdef",
			6, "ab...");
	check_shortened("ab\xc3\xa4"
			"cdef",
			7, "ab\xc3\xa4...");
	check_shortened("a\xe2\x82\xac"
			"bcdef",
			6, "a...");
	check_shortened("a\xe2\x82\xac"
			"bcdef",
			7, "a\xe2\x82\xac...");
	check_shortened("\xf0\x9f\x98\x80"
			"abcdef",
			6, "...");
	check_shortened("\xf0\x9f\x98\x80"
			"abcdef",
			7, "\xf0\x9f\x98\x80...");
	/* Invalid UTF-8 is replaced first, by three bytes each. */
	check_shortened("\x80\x80\x80", 8, "\xef\xbf\xbd...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_character_stays),
		cmocka_unit_test(test_wrong_bytes_are_replaced_one_by_one),
		cmocka_unit_test(test_any_bytes_become_what_json_takes),
		cmocka_unit_test(test_control_characters_are_made_visible),
		cmocka_unit_test(test_deceptive_text),
		cmocka_unit_test(test_safe_text),
		cmocka_unit_test(test_lone_bytes),
		cmocka_unit_test(test_printable_text_stays),
		cmocka_unit_test(test_escape_sequences_are_disarmed),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_shorten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
