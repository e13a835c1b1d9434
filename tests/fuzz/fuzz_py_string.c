// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever bytes are taken for a str, reading it gives valid UTF-8 within the length
 * limit, the same each time, or an error.
 *
 * Input: a byte for the version, then the bytes of the object and of the memory after it, up to the
 * end of the mapping.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdbool.h>

#include "fake_memory.h"
#include "target/offsets.h"
#include "target/py_string.h"
#include "util/cleanup.h"

#define OBJECT	       0x7f1100000000UL
#define UTF8_BYTES_MAX 4

static const struct {
	int major, minor;
} versions[] = {{2, 7}, {3, 6}, {3, 8}, {3, 11}, {3, 12}};

/* The length in bytes of the character at the start of @text; 0 if it is invalid (RFC 3629). */
static size_t measure_character(const uint8_t *text)
{
	size_t size = *text < 0x80 ? 1 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;
	uint32_t character = *text & (size == 1 ? 0x7f : 0x7f >> size);
	static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};

	if (*text >= 0x80 && (*text < 0xc2 || *text > 0xf4))
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (text[i] & 0x3f);
	}
	return character >= least[size] && character <= 0x10ffff &&
			       (character < 0xd800 || character > 0xdfff)
		       ? size
		       : 0;
}

static void check_text(const char *text)
{
	size_t cnt = 0, size;

	for (const uint8_t *at = (const uint8_t *)text; *at; at += size, cnt++) {
		size = measure_character(at);
		CHECK(size);
	}
	CHECK(cnt <= PY_STRING_CHARACTERS_MAX + strlen(PY_STRING_CUT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.bytes = data, .size = size};
	size_t version = fuzz_input__byte(&input) % ARRAY_SIZE(versions), there = input.size;
	const struct py_offsets *offsets =
		py_offsets__of_version(versions[version].major, versions[version].minor);
	_cleanup_free_ char *text = NULL, *again = NULL;
	struct fake_memory memory;
	int err;

	fake_memory__init(&memory);
	if (there)
		fuzz_input__take(&input, fake_memory__map(&memory, OBJECT, there), there);
	err = py_string__read(&text, &memory.memory, offsets, OBJECT);
	CHECK(!err == !!text);
	CHECK(!err || memory__is_missing(err));
	CHECK(py_string__read(&again, &memory.memory, offsets, OBJECT) == err);
	if (text) {
		check_text(text);
		CHECK(!strcmp(text, again));
	}
	fake_memory__release(&memory);
	return 0;
}
