// SPDX-License-Identifier: BSD-2-Clause
/*
 * All tables are lists of steps: each advances by a number of bytes of code and a number of lines.
 * They differ in when a step counts. Up to 3.9 a line begins where its step ends, so a step that
 * ends after the instruction is not taken. From 3.10 on an entry describes the code that it covers:
 * its step is taken, and then it is checked whether the instruction is in it. A step too large for
 * one entry is spread over several, all but one of which are empty; neither form needs special
 * treatment for that.
 *
 * There is no index: tables are short, and callers that need speed keep the results.
 */
#include "stacks/line_table.h"

#include <stdbool.h>

#define NO_LINE_STEP INT8_MIN /* 3.10: the code of this entry has no line */

/* Locations, from 3.11 on. The first byte of an entry, and no other, has the highest bit set. */
#define ENTRY_BIT	 0x80
#define ENTRY_NO_COLUMNS 13
#define ENTRY_LONG	 14
#define ENTRY_NONE	 15
#define UNIT_BYTES	 2

static int32_t to_line(int64_t line)
{
	return line >= 0 && line <= INT32_MAX ? (int32_t)line : LINE_NONE;
}

static int32_t find_in_lnotab(const uint8_t *bytes, size_t size, int32_t first_line,
			      uint32_t offset, bool is_signed)
{
	int64_t line = first_line;
	uint64_t begin = 0;

	for (size_t i = 0; i + 1 < size; i += 2) {
		begin += bytes[i];
		if (begin > offset)
			break;
		line += is_signed ? (int8_t)bytes[i + 1] : bytes[i + 1];
	}
	return to_line(line);
}

static int32_t find_in_ranges(const uint8_t *bytes, size_t size, int32_t first_line,
			      uint32_t offset)
{
	int64_t line = first_line;
	uint64_t end = 0;

	for (size_t i = 0; i + 1 < size; i += 2) {
		int8_t step = (int8_t)bytes[i + 1];

		end += bytes[i];
		if (step != NO_LINE_STEP)
			line += step;
		if (offset < end)
			return step == NO_LINE_STEP ? LINE_NONE : to_line(line);
	}
	return LINE_NONE;
}

/*
 * A number with its sign in the lowest bit, 6 bits per byte, lowest first; the next bit says that
 * more follow. Returns false if it does not end in the entry, or does not fit an int.
 */
static bool read_signed(const uint8_t *at, const uint8_t *end, int64_t *out)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; at < end && shift <= 30; shift += 6, at++) {
		if (*at & ENTRY_BIT)
			return false;
		value |= (uint64_t)(*at & 0x3f) << shift;
		if (*at & 0x40)
			continue;
		*out = value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
		return true;
	}
	return false;
}

/* The number of lines to advance for the entry that begins with @first and continues at @at. */
static bool read_line_step(uint8_t first, const uint8_t *at, const uint8_t *end, int64_t *out)
{
	uint8_t code = first >> 3 & 15;

	if (code == ENTRY_NO_COLUMNS || code == ENTRY_LONG)
		return read_signed(at, end, out);
	/*
	 * 0 to 9: columns on the same line; 10 to 12: columns on this line, the next one, or the
	 * one after.
	 */
	*out = code >= 10 && code <= 12 ? code - 10 : 0;
	return true;
}

static int32_t find_in_locations(const uint8_t *bytes, size_t size, int32_t first_line,
				 uint32_t offset)
{
	const uint8_t *at = bytes, *end = bytes + size;
	int64_t line = first_line, step;
	uint64_t covered = 0;

	while (at < end) {
		uint8_t first = *at++;

		if (!(first & ENTRY_BIT) || !read_line_step(first, at, end, &step))
			return LINE_NONE;
		line += step;
		if (line < INT32_MIN || line > INT32_MAX)
			return LINE_NONE;
		covered += ((first & 7) + 1) * UNIT_BYTES;
		if (offset < covered)
			return (first >> 3 & 15) == ENTRY_NONE ? LINE_NONE : to_line(line);
		while (at < end && !(*at & ENTRY_BIT))
			at++;
	}
	return LINE_NONE;
}

int32_t line_table__find(enum py_line_kind kind, const uint8_t *bytes, size_t size,
			 int32_t first_line, uint32_t offset)
{
	switch (kind) {
	case PY_LINES_UNSIGNED:
		return find_in_lnotab(bytes, size, first_line, offset, false);
	case PY_LINES_SIGNED:
		return find_in_lnotab(bytes, size, first_line, offset, true);
	case PY_LINES_RANGES:
		return find_in_ranges(bytes, size, first_line, offset);
	case PY_LINES_LOCATIONS:
		return find_in_locations(bytes, size, first_line, offset);
	}
	return LINE_NONE;
}
