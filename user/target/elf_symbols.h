/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds a symbol by name in an ELF file of any size, with little memory: first all places of the
 * name in the string table (there may be several, because a string can be the end of another), then
 * the first symbol that has one of them as its name. Both tables are read in pieces. Source: System
 * V ABI, "Symbol Table".
 */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_symbol {
	uint64_t address, size;
	bool function;
};

/*
 * @sections: the @cnt section headers of the file. A file has at most one table of dynamic symbols
 * and one of all symbols, which are searched in this order. Returns 0; -ENOENT: no defined symbol
 * has this name, or it is beyond the part of such tables that is read; -ENOBUFS: more than *@room
 * bytes would have to be read (*@room shrinks by what is read); or negative errno. *out is set on
 * success only.
 */
int elf_symbols__find(int fd, const Elf64_Shdr *sections, size_t cnt, const char *name,
		      uint64_t *room, struct elf_symbol *out);
