/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The code of one function, decoded from its first byte on and searched for the allocator's shapes.
 * The scan that finds probe sites and the check before they are probed both use this, so they agree
 * on where a function begins and on what its bytes mean.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "probes/arch/arch.h"
#include "probes/shapes.h"
#include "target/elf.h"

/*
 * Longer functions are scanned in pieces of so many bytes, which bounds memory (some 60 bytes an
 * instruction). CPython's longest has 0.1 MiB; only code without .eh_frame_hdr, where a section
 * counts as one function, has longer ones.
 */
#define FUNCTION_BYTES_MAX (1UL << 20)

/* Addresses in the file, end exclusive. */
struct function_extent {
	uint64_t start, end;
};

/*
 * What is scanned together with the code at @address, which lies in @code: from the last function
 * start at or before it to the next one. @starts: as elf_file__function_starts() has them.
 */
struct function_extent function_extent__of(const struct elf_code *code, const uint64_t *starts,
					   size_t start_cnt, uint64_t address);

struct function_scanner;

/* For code of @arch. Returns 0, -ENOTSUP or -ENOMEM. The caller frees. */
int function_scanner__new(struct function_scanner **out, const struct arch *arch);
void function_scanner__free(struct function_scanner *scanner);
void function_scanner__freep(struct function_scanner **scanner);

/*
 * Scans @size bytes of code that belong at @address. Calls @found as shape_scan__function() does,
 * and returns what that returns.
 */
int function_scanner__scan(struct function_scanner *scanner, const uint8_t *bytes, size_t size,
			   uint64_t address,
			   int (*found)(const struct shape_site *site, void *context),
			   void *context);

/*
 * The instructions that were scanned last, step by step, in the order of their addresses; until the
 * next scan.
 */
const struct insn *function_scanner__insns(const struct function_scanner *scanner, size_t *cnt);
