// SPDX-License-Identifier: BSD-2-Clause
#include "util/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define CUT	    "..."
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Length of the well-formed UTF-8 sequence at @at, or 0. Source: Unicode 15, table 3-7. */
static size_t sequence_length(const unsigned char *at)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		length = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		length = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;
	if (at[0] == 0xed)
		high = 0x9f;
	if (at[0] == 0xf0)
		low = 0x90;
	if (at[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < length; i++) {
		if (at[i] < low || at[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

bool text__is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		size_t length = sequence_length(at);

		if (!length)
			return false;
		at += length;
	}
	return true;
}

/* The code point of a well-formed sequence. */
static uint32_t decode(const unsigned char *at, size_t length)
{
	uint32_t point = length == 1 ? at[0] : at[0] & (0x7fU >> length);

	for (size_t i = 1; i < length; i++)
		point = point << 6 | (at[i] & 0x3f);
	return point;
}

/*
 * DEL and C1 (U+009B begins an escape sequence as ESC [ does), line and paragraph separators, and
 * bidirectional controls (Unicode 15, PropList.txt: Bidi_Control).
 */
static bool is_deceptive(uint32_t point)
{
	return (point >= 0x7f && point <= 0x9f) || point == 0x61c || point == 0x200e ||
	       point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2066 && point <= 0x2069);
}

static char *convert(const char *text, bool is_safe)
{
	const unsigned char *from = (const unsigned char *)text;
	char *out = malloc(strlen(text) * strlen(REPLACEMENT) + 1);
	char *to = out;

	if (!out)
		return NULL;
	while (*from) {
		size_t length = sequence_length(from);

		if (length && !(is_safe && is_deceptive(decode(from, length)))) {
			memcpy(to, from, length);
			to += length;
		} else {
			memcpy(to, REPLACEMENT, strlen(REPLACEMENT));
			to += strlen(REPLACEMENT);
		}
		from += length ? length : 1;
	}
	*to = '\0';
	return out;
}

char *text__to_utf8(const char *text)
{
	return convert(text, false);
}

char *text__to_safe_utf8(const char *text)
{
	return convert(text, true);
}

/* A sequence has at most three bytes after its first one; those are 10xxxxxx. */
size_t text__whole_characters(const char *text, size_t size)
{
	size_t first = size;
	unsigned char lead;

	while (first && size - first < 3 && ((unsigned char)text[first - 1] & 0xc0) == 0x80)
		first--;
	if (!first)
		return size;
	lead = (unsigned char)text[first - 1];
	if ((lead >= 0xf0 && size - first < 3) || (lead >= 0xe0 && size - first < 2) ||
	    (lead >= 0xc0 && size - first < 1))
		return first - 1;
	return size;
}

char *text__shorten(const char *text, size_t bytes_max)
{
	char *whole = text__to_utf8(text);

	if (whole && strlen(whole) > bytes_max)
		strcpy(whole + text__whole_characters(whole, bytes_max - strlen(CUT)), CUT);
	return whole;
}

char *text__make_printable(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at;) {
		size_t length = sequence_length(at), size = length ? length : 1;

		if (!length || *at < 0x20 || is_deceptive(decode(at, length)))
			memset(at, '?', size);
		at += size;
	}
	return text;
}

void text__write(const char *text, FILE *out)
{
	_cleanup_free_ char *copy = text ? strdup(text) : NULL;

	fputs(copy ? text__make_printable(copy) : "?", out);
}

const char *text__base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

char *text__join(char *const *words)
{
	size_t size = 1;
	char *text, *end;

	for (char *const *word = words; *word; word++)
		size += strlen(*word) + 1;
	text = calloc(1, size);
	end = text;
	for (char *const *word = words; *word && text; word++) {
		if (word != words)
			*end++ = ' ';
		end = stpcpy(end, *word);
	}
	return text;
}

void text__write_words(char *const *words, size_t size, FILE *out)
{
	_cleanup_free_ char *text = text__join(words);
	bool is_cut = text && strlen(text) > size;

	if (is_cut)
		text[size] = '\0';
	text__write(text, out);
	if (is_cut)
		fputs("...", out);
}
