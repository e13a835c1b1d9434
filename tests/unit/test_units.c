// SPDX-License-Identifier: BSD-2-Clause
#include "util/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

#define KIB (1ULL << 10)
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
#define TIB (1ULL << 40)

static void test_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0 B"},
		{1, "1 B"},
		{512, "512 B"},
		{1023, "1023 B"},
		{KIB, "1.0 KiB"},
		{KIB + KIB / 2, "1.5 KiB"},
		{100 * KIB, "100.0 KiB"},
		{24 * MIB, "24.0 MiB"},
		{3 * GIB, "3.0 GiB"},
		{5 * TIB / 2, "2.5 TiB"},
		{1ULL << 50, "1.0 PiB"},
		{1ULL << 60, "1.0 EiB"},
		{UINT64_MAX, "16.0 EiB"},
		/* A number that rounds to 1024 of a unit is shown in the next unit. */
		{MIB - 1, "1.0 MiB"},
		{GIB - 1, "1.0 GiB"},
		{1023 * KIB, "1023.0 KiB"},
		{1023 * KIB + 943, "1023.9 KiB"}, /* 943 / 1024 = 0.9209 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(units__bytes(cases[i].bytes).text, cases[i].text);
}

/*
 * Parsed back, the number shown is within half of its last digit, and has at most four digits
 * before the point.
 */
static void test_bytes_are_rounded_right(void **state)
{
	static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	uint64_t value = 1025;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct units_text shown = units__bytes(value);
		double factor = 0, number;
		char *unit;

		number = strtod(shown.text, &unit);
		assert_int_equal(*unit, ' ');
		for (size_t n = 0; n < ARRAY_SIZE(names); n++)
			if (!strcmp(unit + 1, names[n]))
				factor = ldexp(1, 10 * (int)(n + 1));
		assert_true(factor > 0);
		assert_true(number >= 1 && number < 1024);
		assert_true(fabs(number * factor - (double)value) <= 0.0500001 * factor);
		value = value * 51 / 50 + 7;
		if (value > UINT64_MAX / 51)
			value = 1025 + (uint64_t)i;
	}
}

static void test_count(void **state)
{
	static const struct {
		uint64_t count;
		const char *text;
	} cases[] = {
		{0, "0"},
		{7, "7"},
		{999, "999"},
		{1000, "1,000"},
		{12345, "12,345"},
		{123456, "123,456"},
		{1234567, "1,234,567"},
		{1000000000, "1,000,000,000"},
		{UINT64_MAX, "18,446,744,073,709,551,615"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(units__count(cases[i].count).text, cases[i].text);
}

static void test_counted(void **state)
{
	(void)state;
	assert_string_equal(units__counted(0, "block").text, "0 blocks");
	assert_string_equal(units__counted(1, "block").text, "1 block");
	assert_string_equal(units__counted(2, "Python").text, "2 Pythons");
	assert_string_equal(units__counted(UINT64_MAX, "123456789012345").text,
			    "18,446,744,073,709,551,615 123456789012345s");
}

static void test_percent(void **state)
{
	(void)state;
	assert_string_equal(units__percent(0).text, "0.0 %");
	assert_string_equal(units__percent(0.129).text, "12.9 %");
	assert_string_equal(units__percent(0.0004).text, "0.0 %");
	assert_string_equal(units__percent(0.0006).text, "0.1 %");
	assert_string_equal(units__percent(1).text, "100.0 %");
}

static void test_seconds(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{0, "0 ms"},	       {0.0104, "10 ms"},
		{0.85, "850 ms"},      {1, "1.0 s"},
		{12.3, "12.3 s"},      {60, "1 min 0 s"},
		{250, "4 min 10 s"},   {3599, "59 min 59 s"},
		{3600, "1 h 0 min"},   {11100, "3 h 5 min"},
		{86400, "24 h 0 min"}, {1000000 * 3600.0 + 59 * 60, "1000000 h 59 min"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(units__seconds(cases[i].seconds).text, cases[i].text);
}

/* Two neighbouring binary numbers count as equal. */
static void assert_close(double value, double expected)
{
	assert_true(fabs(value - expected) <= 1e-12 * (1 + fabs(expected)));
}

static void test_parse_percent(void **state)
{
	static const struct {
		const char *text;
		double ratio;
	} good[] = {
		{"10", 0.1}, {"0.5", 0.005}, {"10%", 0.1},  {"10 %", 0.1}, {"0", 0},
		{"100", 1},  {"100%", 1},    {".5", 0.005}, {"7.", 0.07},
	};
	static const char *const bad[] = {
		"",
		"%",
		" %",
		"-1",
		"+1",
		"100.1",
		"101",
		"1e1",
		"0x10",
		"nan",
		"inf",
		"ten",
		"10 %%",
		"10%%",
		"10  %",
		"10% ",
		" 10",
		"1.2.3",
		".",
		"..",
		"10,5",
		"10 p",
		"1000000000000000000000000000000",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		double ratio = -1;

		assert_true(units__parse_percent(good[i].text, &ratio));
		assert_close(ratio, good[i].ratio);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		double ratio = -1;

		assert_false(units__parse_percent(bad[i], &ratio));
		assert_true(ratio == -1);
	}
}

static void test_parse_seconds(void **state)
{
	static const struct {
		const char *text;
		double seconds;
	} good[] = {
		{"5", 5},	   {"0.25", 0.25}, {"90s", 90},
		{"500ms", 0.5},	   {"2m", 120},	   {"2min", 120},
		{"1h", 3600},	   {"1.5h", 5400}, {"365d", 365 * 86400.0},
		{"0.001ms", 1e-6}, {"5S", 5},
	};
	static const char *const bad[] = {
		"",	"0",	     "0s",  "0.0ms",	   "-1",  "+1",	 "s",
		"ms",	"5 seconds", "5x",  "1e3",	   "nan", "inf", "0x5",
		"400d", "1h30m",     "5ss", "99999999999", ".s",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		double seconds = -1;

		assert_true(units__parse_seconds(good[i].text, &seconds));
		assert_close(seconds, good[i].seconds);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		double seconds = -1;

		assert_false(units__parse_seconds(bad[i], &seconds));
		assert_true(seconds == -1);
	}
}

static void test_parse_bytes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},
		{"4096", 4096},
		{"4096B", 4096},
		{"64K", 64 * KIB},
		{"64KiB", 64 * KIB},
		{"64kib", 64 * KIB},
		{"16MiB", 16 * MIB},
		{"16M", 16 * MIB},
		{"2G", 2 * GIB},
		{"2GiB", 2 * GIB},
		{"1T", TIB},
		{"1TiB", TIB},
		{"1.5K", 1536},
		{"0.5M", 512 * KIB},
		{"1048576T", 1ULL << 60},
	};
	static const char *const bad[] = {
		"",    "K",	"-1",	  "+1",	      "1KB",
		"1 K", "12Q",	"1e3",	  "0x10",     "nan",
		"inf", "1KiBs", "1.2.3K", "1048577T", "99999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t bytes = 1;

		if (!units__parse_bytes(good[i].text, &bytes))
			fail_msg("'%s' is a size", good[i].text);
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t bytes = 1;

		if (units__parse_bytes(bad[i], &bytes))
			fail_msg("'%s' is no size", bad[i]);
		assert_int_equal(bytes, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_bytes_are_rounded_right),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_parse_percent),
		cmocka_unit_test(test_parse_seconds),
		cmocka_unit_test(test_parse_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
