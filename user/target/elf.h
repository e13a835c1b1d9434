/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads segments, code, the addresses of functions, and single symbols of an ELF file. Any number
 * in the file may be false, and the file may change while it is read: see file_bytes.h. So the
 * headers are copied and checked here; a library would first allocate as much memory as they claim.
 * Source: System V ABI, "Object Files"; elf(5).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/arch/arch.h"
#include "target/elf_symbols.h"

struct elf_segment { /* PT_LOAD; addresses are those of the file, before relocation */
	uint64_t address, memory_size;
	uint64_t offset, file_size;
	bool writable, executable;
};

struct elf_code {
	uint64_t address, offset;
	const uint8_t *bytes; /* owned by the file object */
	size_t size;
};

struct elf_file;

/*
 * Opens the ELF file behind @fd, which the caller closes, but not before it frees the object.
 * Returns 0; -ENOEXEC: not an ELF executable or library; -ENOMEM; or negative errno from reading.
 */
int elf_file__open(struct elf_file **out, int fd);
void elf_file__free(struct elf_file *elf);
void elf_file__freep(struct elf_file **elf);

/*
 * Frees everything read from the file except its segments; it is read again when it is needed.
 * Pointers to it become invalid.
 */
void elf_file__forget(struct elf_file *elf);

/* From now on the file is read through @fd, as with elf_file__open(); -1: it cannot be read. */
void elf_file__set_fd(struct elf_file *elf, int fd);

bool elf_file__is_64bit(const struct elf_file *elf);
uint16_t elf_file__machine(const struct elf_file *elf); /* EM_... of <elf.h> */

/* The architecture of the code; NULL if it is 32-bit or unknown. */
const struct arch *elf_file__arch(const struct elf_file *elf);

size_t elf_file__segments(const struct elf_file *elf, const struct elf_segment **segments);

/*
 * Limits the code that is read to @bytes_max bytes; the default is 512 MiB. All of it is read into
 * memory, so callers that may not use that much set a lower limit.
 */
void elf_file__limit_code(struct elf_file *elf, uint64_t bytes_max);

/*
 * The executable bytes. Returns 0; -EFBIG: more than the limit; -ENOTSUP: a 32-bit file; or
 * negative errno. The file object owns the arrays.
 */
int elf_file__code(struct elf_file *elf, const struct elf_code **code, size_t *cnt);

/*
 * The sorted addresses at which functions (or cold parts of functions) begin, from .eh_frame_hdr,
 * which stripped files keep. The file object owns the array. It is empty if there is no such table,
 * or if it is larger than 16 MiB (two million functions).
 */
int elf_file__function_starts(struct elf_file *elf, const uint64_t **starts, size_t *cnt);

/*
 * Finds a defined symbol, as elf_symbols__find(). Returns 0; -ENOENT: there is none, or the file
 * ends before its tables do; or negative errno if they could not be read.
 */
int elf_file__find_symbol(struct elf_file *elf, const char *name, struct elf_symbol *symbol);

/*
 * As elf_file__find_symbol(), but returns -ENOBUFS if more than *@room bytes would have to be read;
 * *@room shrinks by what is read. So one limit can serve many files.
 */
int elf_file__find_symbol_within(struct elf_file *elf, const char *name, uint64_t *room,
				 struct elf_symbol *symbol);

/* File offset of an address, or UINT64_MAX if no segment contains it. */
uint64_t elf_file__offset_of(const struct elf_file *elf, uint64_t address);
