// SPDX-License-Identifier: BSD-2-Clause
#include "census/value.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/py_string.h"
#include "util/checked.h"
#include "util/cleanup.h"

#define TYPE_INT_SUBCLASS (1UL << 23) /* 2.7 */

#define VALUE_OFFSET	 16 /* ob_fval, ob_ival, ob_size, lv_tag */
#define DIGITS_OFFSET	 24
#define DIGIT_BITS	 30
#define DIGITS_MAX	 2
#define BYTES_SHOWN	 512
#define FLOAT_DIGITS_MAX 17 /* after the point; one less is always enough */
#define UNICODE_MAX	 0x10ffff
#define UNITS_SHOWN	 256 /* of a unicode of 2.7 */
#define UNIT_ESCAPED_MAX 10
#define ESCAPED_MAX	 4 /* bytes that one byte may become */
#define CUT		 "..."

static char *put_escaped(char *to, uint8_t byte)
{
	static const char names[] = {['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

	if (byte < sizeof(names) && names[byte])
		return to + sprintf(to, "\\%c", names[byte]);
	return to + sprintf(to, "\\x%02x", byte);
}

/* Quotes one byte of a text, possibly a part of a character. */
static char *put_byte(char *to, uint8_t byte, char quote)
{
	if (byte == (uint8_t)quote || byte == '\\')
		*to++ = '\\';
	else if (byte < ' ' || byte == 0x7f)
		return put_escaped(to, byte);
	*to++ = (char)byte;
	return to;
}

/* Decodes the character that @text, in UTF-8, begins with. *size: its length in bytes. */
static uint32_t decode_character(const char *text, size_t *size)
{
	static const uint8_t masks[] = {0x7f, 0x1f, 0x0f, 0x07};
	uint8_t first = (uint8_t)*text;
	uint32_t character;

	*size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	character = first & masks[*size - 1];
	for (size_t i = 1; i < *size; i++) {
		if (((uint8_t)text[i] & 0xc0) != 0x80) {
			*size = i;
			break;
		}
		character = character << 6 | ((uint8_t)text[i] & 0x3f);
	}
	return character;
}

/*
 * Whether repr() shows a character as it is (str.isprintable()). It escapes control and format
 * characters, which may reverse the direction of a line, unusual spaces, and characters for private
 * use. Characters that no version of Unicode has assigned are shown as they are.
 */
static bool is_printable(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{0x80, 0xa0},	    {0xad, 0xad},	   {0x600, 0x605},     {0x61c, 0x61c},
		{0x6dd, 0x6dd},	    {0x70f, 0x70f},	   {0x890, 0x891},     {0x8e2, 0x8e2},
		{0x1680, 0x1680},   {0x180e, 0x180e},	   {0x2000, 0x200f},   {0x2028, 0x202f},
		{0x205f, 0x206f},   {0x3000, 0x3000},	   {0xd800, 0xf8ff},   {0xfdd0, 0xfdef},
		{0xfeff, 0xfeff},   {0xfff0, 0xfffb},	   {0xfffe, 0xffff},   {0x110bd, 0x110bd},
		{0x110cd, 0x110cd}, {0x13430, 0x1343f},	   {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
		{0xe0000, 0xe00ff}, {0xe01f0, UINT32_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (character >= hidden[i].first && character <= hidden[i].last)
			return false;
	return true;
}

static char *put_hidden(char *to, uint32_t character)
{
	if (character < 0x100)
		return put_escaped(to, (uint8_t)character);
	return to + sprintf(to, character < 0x10000 ? "\\u%04x" : "\\U%08x", character);
}

/* Quotes a character that is not ASCII: writes its @size bytes, or an escape. */
static char *put_wide(char *to, const char *text, uint32_t character, size_t size)
{
	if (!is_printable(character))
		return put_hidden(to, character);
	memcpy(to, text, size);
	return to + size;
}

static char quote_for(const char *text, size_t size)
{
	return memchr(text, '\'', size) && !memchr(text, '"', size) ? '"' : '\'';
}

/* Quotes @text, cut off after @characters_max characters. */
static char *quote_text(const char *text, size_t characters_max)
{
	char *out = malloc(strlen(text) * ESCAPED_MAX + sizeof("''" CUT)), *to = out;
	char quote = quote_for(text, strlen(text));
	size_t cnt = 0;

	if (!out)
		return NULL;
	*to++ = quote;
	while (*text && cnt++ < characters_max) {
		size_t size;
		uint32_t character = decode_character(text, &size);

		to = size == 1 ? put_byte(to, (uint8_t)*text, quote)
			       : put_wide(to, text, character, size);
		text += size;
	}
	*to++ = quote;
	strcpy(to, *text ? CUT : "");
	return out;
}

static int describe_text(char **out, const struct census *census, uint64_t address,
			 size_t characters_max)
{
	_cleanup_free_ char *text = NULL;
	int err = py_string__read(&text, census->memory, &census->offsets, address);

	if (err)
		return err;
	*out = quote_text(text, characters_max);
	return *out ? 0 : -ENOMEM;
}

/* @prefix: 'b', or '\0' for str of 2.7, which has none. */
static char *quote_bytes(const uint8_t *bytes, size_t size, char prefix, bool is_cut)
{
	char *out = malloc(size * ESCAPED_MAX + sizeof("b''" CUT)), *to = out;
	char quote = quote_for((const char *)bytes, size);

	if (!out)
		return NULL;
	if (prefix)
		*to++ = prefix;
	*to++ = quote;
	for (size_t i = 0; i < size; i++)
		to = bytes[i] >= 0x80 ? put_escaped(to, bytes[i]) : put_byte(to, bytes[i], quote);
	*to++ = quote;
	strcpy(to, is_cut ? CUT : "");
	return out;
}

static int describe_bytes(char **out, const struct census *census, uint64_t address,
			  size_t bytes_max)
{
	uint8_t bytes[BYTES_SHOWN];
	uint64_t size, shown;
	int err;

	err = memory__read(census->memory, address + census->offsets.bytes_size, &size,
			   sizeof(size));
	if (err)
		return err;
	shown = size < sizeof(bytes) ? size : sizeof(bytes);
	if (shown > bytes_max)
		shown = bytes_max;
	err = memory__read(census->memory, address + census->offsets.bytes_data, bytes, shown);
	if (err)
		return err;
	*out = quote_bytes(bytes, shown, census->major < 3 ? '\0' : 'b', shown < size);
	return *out ? 0 : -ENOMEM;
}

static int print(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int print(char **out, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(out, format, arguments);
	va_end(arguments);
	if (length >= 0)
		return 0;
	*out = NULL;
	return -ENOMEM;
}

static int describe_long(char **out, const struct census *census, uint64_t address, bool is_bool)
{
	struct {
		uint64_t tag;
		uint32_t digits[DIGITS_MAX];
	} number;
	int64_t value;
	uint64_t cnt;
	bool is_negative;
	int err = memory__read(census->memory, address + VALUE_OFFSET, &number, sizeof(number));

	if (err)
		return err;
	if (census->major == 3 && census->minor >= 12) {
		cnt = number.tag >> 3;
		is_negative = (number.tag & 3) == 2;
	} else {
		is_negative = (int64_t)number.tag < 0;
		cnt = magnitude((int64_t)number.tag);
	}
	if (cnt > DIGITS_MAX)
		return 0; /* larger numbers are not shown */
	value = cnt > 0 ? number.digits[0] : 0;
	if (cnt > 1)
		value |= (int64_t)number.digits[1] << DIGIT_BITS;
	if (is_bool)
		return print(out, "%s", value ? "True" : "False");
	return print(out, "%s%lld", is_negative ? "-" : "", (long long)value);
}

static int describe_int(char **out, const struct census *census, uint64_t address, bool is_bool)
{
	int64_t value;
	int err = memory__read(census->memory, address + VALUE_OFFSET, &value, sizeof(value));

	if (err)
		return err;
	if (is_bool)
		return print(out, "%s", value ? "True" : "False");
	return print(out, "%lld", (long long)value);
}

/*
 * The shortest text that stands for the same value, as in repr(). It has an exponent if that is
 * below -4, or 16 and above (Python/pystrtod.c, PyOS_double_to_string() with 'r').
 */
static int describe_float(char **out, const struct census *census, uint64_t address)
{
	int digits = 0, exponent;
	char text[64];
	double value;
	int err = memory__read(census->memory, address + VALUE_OFFSET, &value, sizeof(value));

	if (err)
		return err;
	if (!isfinite(value))
		return print(out, "%s%s", signbit(value) && !isnan(value) ? "-" : "",
			     isnan(value) ? "nan" : "inf");
	do
		snprintf(text, sizeof(text), "%.*e", digits, value);
	while (strtod(text, NULL) != value && ++digits < FLOAT_DIGITS_MAX);
	exponent = atoi(strchr(text, 'e') + 1);
	if (exponent < -4 || exponent >= 16)
		return print(out, "%s", text);
	digits -= exponent;
	return print(out, "%.*f", digits > 1 ? digits : 1, value);
}

/*
 * PyUnicodeObject of 2.7 (Include/unicodeobject.h): length, str, in units of 2 or 4 bytes,
 * depending on the build. Units of 4 are assumed if each unit shown is a character, and a unit of 0
 * follows the last one.
 */
static bool is_wide(const uint32_t *units, uint64_t length, size_t shown)
{
	for (size_t i = 0; i < shown; i++)
		if (units[i] > UNICODE_MAX)
			return false;
	return shown < length || !units[shown];
}

static bool is_high_surrogate(uint32_t unit)
{
	return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low_surrogate(uint32_t unit)
{
	return unit >= 0xdc00 && unit < 0xe000;
}

/* The character of the unit, or pair of units, at *at. Moves *at past it. */
static uint32_t next_character(const void *units, bool wide, size_t cnt, size_t *at)
{
	const uint16_t *narrow = units;
	uint32_t character = wide ? ((const uint32_t *)units)[*at] : narrow[*at];

	++*at;
	if (!wide && is_high_surrogate(character) && *at < cnt && is_low_surrogate(narrow[*at]))
		character = 0x10000 + ((character - 0xd800) << 10) + (narrow[(*at)++] - 0xdc00);
	return character;
}

static char *put_unicode(char *to, uint32_t character, char quote)
{
	if (character < 0x80)
		return put_byte(to, (uint8_t)character, quote);
	return put_hidden(to, character);
}

static char quote_for_units(const void *units, bool wide, size_t cnt)
{
	bool has_single = false, has_double = false;

	for (size_t at = 0; at < cnt;) {
		uint32_t character = next_character(units, wide, cnt, &at);

		has_single |= character == '\'';
		has_double |= character == '"';
	}
	return has_single && !has_double ? '"' : '\'';
}

static int describe_unicode_27(char **out, const struct census *census, uint64_t address,
			       size_t characters_max)
{
	char text[UNITS_SHOWN * UNIT_ESCAPED_MAX + sizeof("u''" CUT)], *to = text, quote;
	uint32_t units[UNITS_SHOWN + 1] = {};
	uint64_t header[2];
	size_t shown, at = 0;
	bool wide;
	int err = memory__read(census->memory, address + VALUE_OFFSET, header, sizeof(header));

	if (err)
		return err;
	shown = header[0] < UNITS_SHOWN ? header[0] : UNITS_SHOWN;
	wide = !memory__read(census->memory, header[1], units, (shown + 1) * sizeof(*units)) &&
	       is_wide(units, header[0], shown);
	err = wide ? 0
		   : memory__read(census->memory, header[1], units, (shown + 1) * sizeof(uint16_t));
	if (err)
		return err;
	quote = quote_for_units(units, wide, shown);
	*to++ = 'u';
	*to++ = quote;
	for (size_t cnt = 0; at < shown && cnt < characters_max; cnt++)
		to = put_unicode(to, next_character(units, wide, shown, &at), quote);
	*to++ = quote;
	strcpy(to, at < header[0] ? CUT : "");
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

static int describe(char **out, const struct census *census, const struct type *type,
		    uint64_t address, size_t characters_max)
{
	bool is_bool = !strcmp(type->name, "bool");

	if (type->flags & TYPE_HEAPTYPE)
		return 0;
	if (type->flags & TYPE_LONG_SUBCLASS)
		return describe_long(out, census, address, is_bool);
	if (census->major < 3 && type->flags & TYPE_INT_SUBCLASS)
		return describe_int(out, census, address, is_bool);
	if (type->flags & TYPE_UNICODE_SUBCLASS)
		return census->major < 3 ? describe_unicode_27(out, census, address, characters_max)
					 : describe_text(out, census, address, characters_max);
	if (type->flags & TYPE_BYTES_SUBCLASS)
		return describe_bytes(out, census, address, characters_max);
	if (!strcmp(type->name, "float"))
		return describe_float(out, census, address);
	return strcmp(type->name, "NoneType") ? 0 : print(out, "None");
}

int value__describe(char **out, const struct census *census, uint64_t address, uint32_t type,
		    size_t characters_max)
{
	int err;

	*out = NULL;
	if (type >= TYPE_UNSEEN)
		return 0;
	err = describe(out, census, type_table__at(census->types, type), address, characters_max);
	return memory__is_missing(err) ? 0 : err;
}
