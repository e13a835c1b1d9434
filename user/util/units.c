// SPDX-License-Identifier: BSD-2-Clause
#include "util/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define YEAR_S (366 * 86400.0)

struct units_text units__bytes(uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	struct units_text out;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(out.text, sizeof(out.text), "%" PRIu64 " B", bytes);
		return out;
	}
	while (value >= 1023.95) {
		value /= 1024;
		unit++;
	}
	snprintf(out.text, sizeof(out.text), "%.1f %s", value, units[unit]);
	return out;
}

struct units_text units__count(uint64_t count)
{
	char digits[24];
	struct units_text out;
	size_t at = 0;
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			out.text[at++] = ',';
		out.text[at++] = digits[i];
	}
	out.text[at] = '\0';
	return out;
}

struct units_text units__counted(uint64_t count, const char *noun)
{
	struct units_text out;

	snprintf(out.text, sizeof(out.text), "%s %s%s", units__count(count).text, noun,
		 count == 1 ? "" : "s");
	return out;
}

struct units_text units__percent(double ratio)
{
	struct units_text out;

	snprintf(out.text, sizeof(out.text), "%.1f %%", ratio * 100);
	return out;
}

struct units_text units__seconds(double seconds)
{
	struct units_text out;

	if (seconds < 1)
		snprintf(out.text, sizeof(out.text), "%.0f ms", seconds * 1000);
	else if (seconds < 60)
		snprintf(out.text, sizeof(out.text), "%.1f s", seconds);
	else if (seconds < 3600)
		snprintf(out.text, sizeof(out.text), "%d min %d s", (int)seconds / 60,
			 (int)seconds % 60);
	else
		snprintf(out.text, sizeof(out.text), "%.0f h %d min", floor(seconds / 3600),
			 (int)fmod(seconds / 60, 60));
	return out;
}

/* Parses a plain number, without sign, exponent or "nan"; *rest is what follows it. */
static bool parse_number(const char *text, double *value, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)text[0]) && text[0] != '.')
		return false;
	if (strspn(text, "0123456789.") > 18)
		return false;
	errno = 0;
	*value = strtod(text, &end);
	if (errno || end == text || (size_t)(end - text) != strspn(text, "0123456789."))
		return false;
	*rest = end;
	return true;
}

bool units__parse_percent(const char *text, double *ratio)
{
	const char *rest;
	double value;

	if (!parse_number(text, &value, &rest))
		return false;
	if (strcmp(rest, "") != 0 && strcmp(rest, "%") != 0 && strcmp(rest, " %") != 0)
		return false;
	if (value > 100)
		return false;
	*ratio = value / 100;
	return true;
}

struct unit_factor {
	const char *unit;
	double factor;
};

/* Parses a number followed by a unit from @factors (@cnt units), ignoring case. */
static bool parse_with_unit(const char *text, const struct unit_factor *factors, size_t cnt,
			    double *value)
{
	const char *unit;

	if (!parse_number(text, value, &unit))
		return false;
	for (size_t i = 0; i < cnt; i++) {
		if (strcasecmp(unit, factors[i].unit) != 0)
			continue;
		*value *= factors[i].factor;
		return true;
	}
	return false;
}

bool units__parse_seconds(const char *text, double *seconds)
{
	static const struct unit_factor factors[] = {
		{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400},
	};
	double value;

	if (!parse_with_unit(text, factors, ARRAY_SIZE(factors), &value) || value <= 0 ||
	    value > YEAR_S)
		return false;
	*seconds = value;
	return true;
}

bool units__parse_bytes(const char *text, uint64_t *bytes)
{
	static const struct unit_factor factors[] = {
		{"", 1},	  {"B", 1},	      {"K", 1UL << 10}, {"KiB", 1UL << 10},
		{"M", 1UL << 20}, {"MiB", 1UL << 20}, {"G", 1UL << 30}, {"GiB", 1UL << 30},
		{"T", 1UL << 40}, {"TiB", 1UL << 40},
	};
	double value;

	if (!parse_with_unit(text, factors, ARRAY_SIZE(factors), &value) || value > 0x1p60)
		return false;
	*bytes = (uint64_t)value;
	return true;
}
