/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds a symbol by its name, in an ELF file of any size, with little memory: first where the name
 * is in the table of strings, which may be more than once (the end of one string can be another),
 * then the first symbol of one of those names. Both tables are read in pieces. Source: System V
 * ABI, "Symbol Table".
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
 * @sections: the @cnt section headers of the file. There is one table of dynamic symbols and one of
 * all, at most; that is the order they are searched in. Returns 0; -ENOENT: there is none that is
 * defined, or it is beyond what is read of such tables; -ENOBUFS: more would have to be read
 * than *@room bytes, which shrinks by what is read; or negative errno. *out is set on success only.
 */
int elf_symbols__find(int fd, const Elf64_Shdr *sections, size_t cnt, const char *name,
		      uint64_t *room, struct elf_symbol *out);
