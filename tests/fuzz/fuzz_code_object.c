// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever bytes are taken for a code object, it is either refused, or read with a
 * printable name and with a line table and a size within bounds. The result does not change when it
 * is read again, and gives a line or none for any offset. Its memory is bounded, whatever sizes it
 * claims.
 *
 * Input: edits of a page that contains a code object with all its parts: two bytes for the place, a
 * byte for the kind (a byte, an address in the page, eight literal bytes), and the value.
 */
#include <errno.h>

#include "fuzz.h"

#include "fake_code.h"
#include "stacks/code_object.h"
#include "util/cleanup.h"

#define CODE	   0x7f0000010000UL
#define NAME_BYTES (64UL << 10)
#define COST_MAX   (CODE_LINE_TABLE_BYTES_MAX + 3 * NAME_BYTES + sizeof(struct code_object))

static void edit(struct fake_memory *memory, struct fuzz_input *input)
{
	while (input->size) {
		uint16_t at;
		uint64_t value;
		size_t size = sizeof(value);

		fuzz_input__take(input, &at, sizeof(at));
		at %= FAKE_CODE_BYTES - sizeof(value);
		switch (fuzz_input__byte(input) % 3) {
		case 0:
			value = fuzz_input__byte(input);
			size = 1;
			break;
		case 1:
			value = CODE + fuzz_input__byte(input) * 16UL;
			at &= ~7;
			break;
		default:
			fuzz_input__take(input, &value, sizeof(value));
			at &= ~7;
		}
		memcpy(fake_memory__at(memory, CODE + at, size), &value, size);
	}
}

static void check_name(const char *name)
{
	CHECK(name && name[0]);
	for (const char *at = name; *at; at++)
		CHECK((unsigned char)*at >= 0x20 && *at != 0x7f);
}

static void check_lines(const struct code_object *code)
{
	static const int32_t places[] = {INT32_MIN, -1, 0, 1, 100, 1 << 20, INT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int32_t line = code_object__line(code, places[i]);

		CHECK(line >= LINE_NONE);
		CHECK(code_object__instr_offset(code, places[i]) <= INT32_MAX);
		code_object__is_shown(code, places[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fake_code made = {"run", "App.run", "/srv/app.py", 10, 1};
	_cleanup_(code_object__freep) struct code_object *code = NULL;
	struct fuzz_input input = {data, size};
	struct fake_memory memory;
	int err;

	fake_memory__init(&memory);
	fake_code__map_type(&memory);
	fake_code__map(&memory, CODE, &made);
	edit(&memory, &input);
	err = code_object__read(&code, &memory.memory, &FAKE_OFFSETS, CODE);
	CHECK(!err || err == -EINVAL || err == -EFAULT);
	CHECK(!err == !!code);
	if (code) {
		check_name(code->name);
		check_name(code->qualname);
		CHECK(code->filename);
		CHECK(code->line_table || !code->line_table_size);
		CHECK(code->line_table_size <= CODE_LINE_TABLE_BYTES_MAX);
		CHECK(code_object__cost_bytes(code) <= COST_MAX);
		check_lines(code);
		CHECK(code_object__is_same(code, &memory.memory, &FAKE_OFFSETS) == 1);
	}
	fake_memory__release(&memory);
	return 0;
}
