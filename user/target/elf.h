/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an ELF file says without its symbols, and with them: segments, code, where functions begin.
 * Each number in it may be a lie, and the file may change while it is read: see file_bytes.h. So
 * the headers are copied and read here, within bounds, and not by a library, which would take
 * memory for what they say first. Source: System V ABI, "Object Files"; elf(5).
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
 * Opens the ELF file behind @fd, which stays the caller's but must stay open as long as the object
 * lives. Returns 0; -ENOEXEC: not an ELF executable or library; -ENOMEM; -EIO.
 */
int elf_file__open(struct elf_file **out, int fd);
void elf_file__free(struct elf_file *elf);
void elf_file__freep(struct elf_file **elf);

/*
 * Gives back the memory of all that was read of the file but its segments: it is read again when it
 * is asked for. What was given out of that is gone.
 */
void elf_file__forget(struct elf_file *elf);

/* From here on the file is read through @fd, as with elf_file__open(); -1: it cannot be read. */
void elf_file__set_fd(struct elf_file *elf, int fd);

bool elf_file__is_64bit(const struct elf_file *elf);
uint16_t elf_file__machine(const struct elf_file *elf); /* EM_... of <elf.h> */

/* The architecture of the code; NULL: it is of 32 bits, or of one that is not known. */
const struct arch *elf_file__arch(const struct elf_file *elf);

size_t elf_file__segments(const struct elf_file *elf, const struct elf_segment **segments);

/*
 * From here on code of more than @bytes_max bytes is not read; without, up to 512 MiB. It is read
 * into memory as a whole, so who may not take much of that says so.
 */
void elf_file__limit_code(struct elf_file *elf, uint64_t bytes_max);

/*
 * The executable bytes. Returns 0; -EFBIG: there are more than may be read; -ENOTSUP: a 32-bit
 * file; or negative errno. The arrays belong to the file object.
 */
int elf_file__code(struct elf_file *elf, const struct elf_code **code, size_t *cnt);

/*
 * The sorted addresses at which functions (or cold parts of functions) begin, by .eh_frame_hdr,
 * which stripped files keep. The array belongs to the file object; empty if there is no such table,
 * or one of more than 16 MiB (two million functions).
 */
int elf_file__function_starts(struct elf_file *elf, const uint64_t **starts, size_t *cnt);

/*
 * Finds a symbol that is defined, as elf_symbols__find(). Returns 0; -ENOENT: there is none, or the
 * file ends before its tables do; or negative errno: they could not be read.
 */
int elf_file__find_symbol(struct elf_file *elf, const char *name, struct elf_symbol *symbol);

/*
 * The same, if no more than *@room bytes have to be read for that, which shrinks by what is read;
 * else -ENOBUFS. So there is one limit for many files.
 */
int elf_file__find_symbol_within(struct elf_file *elf, const char *name, uint64_t *room,
				 struct elf_symbol *symbol);

/* File offset of an address, or UINT64_MAX if no segment holds it. */
uint64_t elf_file__offset_of(const struct elf_file *elf, uint64_t address);
