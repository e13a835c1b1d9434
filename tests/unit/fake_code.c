// SPDX-License-Identifier: BSD-2-Clause
#include "fake_code.h"

#include <string.h>

#define TYPE	   0x5000000000UL
#define TYPE_NAME  (TYPE + 0x100)
#define TYPE_BYTES 0x200

const struct py_offsets FAKE_OFFSETS = {
	.instr_kind = PY_INSTR_PREVIOUS,
	.line_kind = PY_LINES_LOCATIONS,
	.code_name = 120,
	.code_qualname = 128,
	.code_filename = 112,
	.code_firstlineno = 68,
	.code_line_table = 136,
	.code_code = 192,
	.code_size = 16,
	.code_first_traceable = 176,
	.object_type = 8,
	.bytes_size = 16,
	.bytes_data = 32,
	.unicode_length = 16,
	.unicode_state = 32,
	.unicode_ascii_data = 40,
	.unicode_compact_data = 56,
	.type_name = 24,
};

static void write_word(struct fake_memory *fake, uint64_t address, uint64_t value)
{
	*fake_memory__word(fake, address) = value;
}

static void write_int(struct fake_memory *fake, uint64_t address, int32_t value)
{
	memcpy(fake_memory__at(fake, address, sizeof(value)), &value, sizeof(value));
}

void fake_code__map_type(struct fake_memory *fake)
{
	fake_memory__map(fake, TYPE, TYPE_BYTES);
	write_word(fake, TYPE + FAKE_OFFSETS.type_name, TYPE_NAME);
	strcpy(fake_memory__at(fake, TYPE_NAME, 8), "code");
}

void fake_code__write_str(struct fake_memory *fake, uint64_t address, const char *text)
{
	size_t length = strlen(text);

	write_word(fake, address + FAKE_OFFSETS.unicode_length, length);
	write_int(fake, address + FAKE_OFFSETS.unicode_state, 0x64);
	memcpy(fake_memory__at(fake, address + FAKE_OFFSETS.unicode_ascii_data, length + 1), text,
	       length + 1);
}

void fake_code__rewrite(struct fake_memory *fake, uint64_t address, const struct fake_code *code)
{
	/* 16 bytes of code, no columns. */
	const uint8_t table[] = {0xef, (uint8_t)(code->line << 1)};

	memset(fake_memory__at(fake, address, FAKE_CODE_BYTES), 0, FAKE_CODE_BYTES);
	write_word(fake, address + FAKE_OFFSETS.object_type, TYPE);
	write_word(fake, address + FAKE_OFFSETS.code_size, 8);
	write_int(fake, address + FAKE_OFFSETS.code_firstlineno, code->first_line);
	write_int(fake, address + FAKE_OFFSETS.code_first_traceable, 1);
	write_word(fake, address + FAKE_OFFSETS.code_name, address + FAKE_NAME);
	write_word(fake, address + FAKE_OFFSETS.code_qualname, address + FAKE_QUALNAME);
	write_word(fake, address + FAKE_OFFSETS.code_filename, address + FAKE_FILENAME);
	write_word(fake, address + FAKE_OFFSETS.code_line_table, address + FAKE_LINE_TABLE);
	fake_code__write_str(fake, address + FAKE_NAME, code->name);
	fake_code__write_str(fake, address + FAKE_QUALNAME, code->qualname);
	fake_code__write_str(fake, address + FAKE_FILENAME, code->filename);
	write_word(fake, address + FAKE_LINE_TABLE + FAKE_OFFSETS.bytes_size, sizeof(table));
	memcpy(fake_memory__at(fake, address + FAKE_LINE_TABLE + FAKE_OFFSETS.bytes_data,
			       sizeof(table)),
	       table, sizeof(table));
}

void fake_code__map(struct fake_memory *fake, uint64_t address, const struct fake_code *code)
{
	fake_memory__map(fake, address, FAKE_CODE_BYTES);
	fake_code__rewrite(fake, address, code);
}

void fake_code__make_stack(struct pyfrag_stack *out, uint64_t number, const uint64_t *codes,
			   uint32_t cnt)
{
	*out = (struct pyfrag_stack){.type = EVENT_STACK,
				     .frame_cnt = (uint16_t)cnt,
				     .number = number};
	for (uint32_t i = 0; i < cnt; i++)
		out->frames[i] = (struct pyfrag_frame){.code = codes[i], .instr = FAKE_INSTR};
}
