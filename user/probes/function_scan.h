/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes the code of one function from its first byte, and searches it for the allocator's shapes.
 * Both the scan that finds probe sites and the check before they are probed use this, so they agree
 * on where a function begins and what its bytes mean.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "probes/arch/arch.h"
#include "probes/shapes.h"
#include "target/elf.h"

/*
 * Longer functions are scanned in pieces of this size, which limits memory (some 60 bytes per
 * instruction). The longest function of CPython has 0.1 MiB. Only code without .eh_frame_hdr, where
 * a whole section counts as one function, is longer.
 */
#define FUNCTION_BYTES_MAX (1UL << 20)

/* Addresses in the file; the end is exclusive. */
struct function_extent {
	uint64_t start, end;
};

/*
 * The range that is scanned together with the code at @address, which is in @code: from the last
 * function start at or before @address to the next one. @starts: from elf_file__function_starts().
 */
struct function_extent function_extent__of(const struct elf_code *code, const uint64_t *starts,
					   size_t start_cnt, uint64_t address);

struct function_scanner;

/* For code of @arch. Returns 0, -ENOTSUP or -ENOMEM. The caller frees *out. */
int function_scanner__new(struct function_scanner **out, const struct arch *arch);
void function_scanner__free(struct function_scanner *scanner);
void function_scanner__freep(struct function_scanner **scanner);

/*
 * Scans @size bytes of code, whose address is @address. Calls @found like shape_scan__function(),
 * and returns what that returns.
 */
int function_scanner__scan(struct function_scanner *scanner, const uint8_t *bytes, size_t size,
			   uint64_t address,
			   int (*found)(const struct shape_site *site, void *context),
			   void *context);

/* The instructions of the last scan as steps, sorted by address. Valid until the next scan. */
const struct insn *function_scanner__insns(const struct function_scanner *scanner, size_t *cnt);
