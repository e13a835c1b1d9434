/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hand-made code objects in the layout of 3.12; each has a page of its own that contains all its
 * parts.
 */
#pragma once

#include <stdint.h>

#include "fake_memory.h"
#include "pyfrag/py_offsets.h"
#include "pyfrag/stacks.h"

#define FAKE_CODE_BYTES 4096UL

/* Offsets in a page. */
#define FAKE_NAME	0x200
#define FAKE_QUALNAME	0x500
#define FAKE_FILENAME	0x800
#define FAKE_LINE_TABLE 0xb00

struct fake_code {
	const char *name, *qualname, *filename; /* ASCII, of less than 0x2d0 characters */
	int32_t first_line;
	uint32_t line; /* of all its instructions, minus the first line: below 32 */
};

/*
 * The instruction of a frame that has begun. Python does not show a frame before FAKE_INSTR_SHOWN.
 */
#define FAKE_INSTR_SHOWN (FAKE_OFFSETS.code_code + 2)
#define FAKE_INSTR	 (FAKE_OFFSETS.code_code + 8)

extern const struct py_offsets FAKE_OFFSETS;

/* Writes the type of code objects; call it once, before all others. */
void fake_code__map_type(struct fake_memory *fake);

/*
 * Maps a page with a code object at @address, which must be free. fake_code__rewrite() replaces an
 * existing one.
 */
void fake_code__map(struct fake_memory *fake, uint64_t address, const struct fake_code *code);
void fake_code__rewrite(struct fake_memory *fake, uint64_t address, const struct fake_code *code);

/* Writes an ASCII str to memory that is already mapped. */
void fake_code__write_str(struct fake_memory *fake, uint64_t address, const char *text);

/* Fills in the record of a stack of @cnt frames, all at FAKE_INSTR, innermost first. */
void fake_code__make_stack(struct pyfrag_stack *out, uint64_t number, const uint64_t *codes,
			   uint32_t cnt);
