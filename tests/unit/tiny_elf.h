/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hand-made ELF file of a kilobyte: everything in it is known, and a test can corrupt each of its
 * bytes before it writes them to a file.
 */
#pragma once

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define TINY_CODE_ADDRESS 0x400000UL /* the address of the file's first byte */
#define TINY_TEXT_OFFSET  0x200UL
#define TINY_TEXT_BYTES	  0x40UL
#define TINY_COLD_OFFSET  0x260UL /* a second section of code, with a gap before it */
#define TINY_COLD_BYTES	  0x20UL
#define TINY_CODE_BYTES	  0x300UL /* of the segment that holds both */
#define TINY_DATA_ADDRESS 0x601300UL
#define TINY_DATA_OFFSET  0x300UL
#define TINY_DATA_BYTES	  0x40UL
#define TINY_DATA_MEMORY  0x1000UL /* with .bss */
#define TINY_FUNCTION_CNT 3

enum tiny_segment {
	TINY_SEGMENT_CODE,
	TINY_SEGMENT_DATA,
	TINY_SEGMENT_NOTE,
	TINY_SEGMENT_UNWIND,
	TINY_SEGMENT_CNT,
};

enum tiny_section {
	TINY_SECTION_NONE,
	TINY_SECTION_TEXT,
	TINY_SECTION_COLD,
	TINY_SECTION_SYMBOLS,
	TINY_SECTION_STRINGS,
	TINY_SECTION_CNT,
};

enum tiny_symbol {
	TINY_SYMBOL_NONE,
	TINY_SYMBOL_MAIN,     /* "main", a function, at the beginning of .text, 16 bytes */
	TINY_SYMBOL_VARIABLE, /* "variable", no function, 8 bytes from the start of the data */
	TINY_SYMBOL_IMPORTED, /* "imported", undefined */
	TINY_SYMBOL_CNT,
};

struct tiny_elf {
	Elf64_Ehdr header;
	Elf64_Phdr segments[TINY_SEGMENT_CNT];
	uint8_t gap1[TINY_TEXT_OFFSET - sizeof(Elf64_Ehdr) - TINY_SEGMENT_CNT * sizeof(Elf64_Phdr)];
	uint8_t text[TINY_TEXT_BYTES];
	struct {
		Elf64_Nhdr header;
		char name[4];
		uint8_t id[8];
		uint8_t end[8];
	} note;
	uint8_t cold[TINY_COLD_BYTES];
	struct {
		uint8_t version, encodings[3];
		int32_t frame;
		uint32_t cnt;
		struct {
			int32_t function, entry;
		} table[TINY_FUNCTION_CNT];
	} unwind;
	uint8_t gap2[TINY_DATA_OFFSET - TINY_COLD_OFFSET - TINY_COLD_BYTES - 36];
	uint8_t data[TINY_DATA_BYTES];
	Elf64_Sym symbols[TINY_SYMBOL_CNT];
	char strings[32];
	Elf64_Shdr sections[TINY_SECTION_CNT];
};

/* The functions that the unwind table names, in order of address. */
extern const uint64_t tiny_elf_functions[TINY_FUNCTION_CNT];

void tiny_elf__init(struct tiny_elf *elf);
