// SPDX-License-Identifier: BSD-2-Clause
/*
 * The state of a str is a word of bit fields: interned, kind (3 bits), compact, ascii. The width of
 * "interned" has changed: 2 bits in most builds, a byte in free-threaded ones from 3.14 on, 16 bits
 * in alphas of 3.14 (gh-128137, reverted by gh-128972). Its values never exceed 3, and kind is
 * never 0, so the word itself shows where kind is.
 */
#include "target/py_string.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"

#define KIND_BYTES_MAX	    4
#define LENGTH_MAX	    (1UL << 30) /* no name is that long */
#define UTF8_BYTES_MAX	    4
#define REPLACEMENT	    0xfffdU
#define CHARACTER_MAX	    0x10ffffU
#define is_surrogate(value) ((value) >= 0xd800 && (value) <= 0xdfff)

struct string_state {
	uint8_t kind; /* bytes per character */
	bool compact, ascii;
};

static bool decode_state(uint32_t bits, struct string_state *out)
{
	static const unsigned int interned_bits[] = {2, 8, 16};

	for (size_t i = 0; i < ARRAY_SIZE(interned_bits); i++) {
		uint32_t rest = bits >> interned_bits[i];

		if ((bits & ((1U << interned_bits[i]) - 1)) > 3)
			return false;
		out->kind = rest & 7;
		out->compact = rest >> 3 & 1;
		out->ascii = rest >> 4 & 1;
		if (out->kind)
			return out->kind == 1 ||
			       (!out->ascii && (out->kind == 2 || out->kind == 4));
	}
	return false; /* up to 3.11: created by an old API, and never used since */
}

static size_t put_utf8(uint32_t character, char *to)
{
	unsigned int more = character < 0x80	  ? 0
			    : character < 0x800	  ? 1
			    : character < 0x10000 ? 2
						  : 3;
	static const uint8_t first_bits[] = {0, 0xc0, 0xe0, 0xf0};

	to[0] = (char)(first_bits[more] | character >> 6 * more);
	for (unsigned int i = 1; i <= more; i++)
		to[i] = (char)(0x80 | (character >> 6 * (more - i) & 0x3f));
	return more + 1;
}

/* @to has room for the longest possible text. Returns 0, or -EINVAL if this is not such a text. */
static int convert(const struct string_state *state, const uint8_t *data, size_t cnt, char *to)
{
	for (size_t i = 0; i < cnt; i++) {
		uint32_t character = 0;

		memcpy(&character, data + i * state->kind, state->kind);
		if (!character || character > (state->ascii ? 0x7f : CHARACTER_MAX))
			return -EINVAL;
		to += put_utf8(is_surrogate(character) ? REPLACEMENT : character, to);
	}
	*to = '\0';
	return 0;
}

/* Reads the length in characters, the state, and the address of the characters. */
static int read_header(const struct memory *memory, const struct py_offsets *offsets,
		       uint64_t address, uint64_t *length, struct string_state *state,
		       uint64_t *data)
{
	uint32_t bits;
	struct memory_range ranges[] = {
		{.address = address + offsets->unicode_length,
		 .buffer = length,
		 .size = sizeof(*length)},
		{.address = address + offsets->unicode_state,
		 .buffer = &bits,
		 .size = sizeof(bits)},
	};
	int err;

	err = memory__read_ranges(memory, ranges, ARRAY_SIZE(ranges));
	if (err)
		return err;
	if (ranges[0].failed || ranges[1].failed)
		return -EFAULT;
	if (*length > LENGTH_MAX || !decode_state(bits, state))
		return -EINVAL;
	*data = address + (state->compact && state->ascii ? offsets->unicode_ascii_data
							  : offsets->unicode_compact_data);
	/* Instances of subclasses of str have a pointer to the characters there. */
	return state->compact ? 0 : memory__read(memory, *data, data, sizeof(*data));
}

static int read_unicode(char **out, const struct memory *memory, const struct py_offsets *offsets,
			uint64_t address)
{
	uint8_t bytes[PY_STRING_CHARACTERS_MAX * KIND_BYTES_MAX];
	_cleanup_free_ char *text = NULL;
	struct string_state state;
	uint64_t length, data;
	size_t cnt;
	int err;

	err = read_header(memory, offsets, address, &length, &state, &data);
	if (err)
		return err;
	cnt = length < PY_STRING_CHARACTERS_MAX ? length : PY_STRING_CHARACTERS_MAX;
	err = memory__read(memory, data, bytes, cnt * state.kind);
	if (err)
		return err;
	text = malloc(cnt * UTF8_BYTES_MAX + sizeof(PY_STRING_CUT));
	if (!text)
		return -ENOMEM;
	err = convert(&state, bytes, cnt, text);
	if (err)
		return err;
	if (length > cnt)
		strcat(text, PY_STRING_CUT);
	*out = TAKE_PTR(text);
	return 0;
}

static int read_bytes(char **out, const struct memory *memory, const struct py_offsets *offsets,
		      uint64_t address)
{
	char bytes[PY_STRING_CHARACTERS_MAX + sizeof(PY_STRING_CUT)];
	uint64_t length;
	char *text;
	size_t cnt;
	int err;

	err = memory__read(memory, address + offsets->bytes_size, &length, sizeof(length));
	if (err)
		return err;
	if (length > LENGTH_MAX)
		return -EINVAL;
	cnt = length < PY_STRING_CHARACTERS_MAX ? length : PY_STRING_CHARACTERS_MAX;
	err = memory__read(memory, address + offsets->bytes_data, bytes, cnt);
	if (err)
		return err;
	if (memchr(bytes, '\0', cnt))
		return -EINVAL;
	strcpy(bytes + cnt, length > cnt ? PY_STRING_CUT : "");
	text = text__to_utf8(bytes);
	if (!text)
		return -ENOMEM;
	*out = text;
	return 0;
}

int py_string__read(char **out, const struct memory *memory, const struct py_offsets *offsets,
		    uint64_t address)
{
	if (offsets->unicode_length == PY_NO_OFFSET)
		return read_bytes(out, memory, offsets, address);
	return read_unicode(out, memory, offsets, address);
}
