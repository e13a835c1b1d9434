/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine code of real builds, with the sites that a scan has to find in it (for the file format
 * see recordings/record_code.py).
 */
#pragma once

#include <stddef.h>

#include "probes/arch/arch.h"

#define CODE_INSNS_MAX	64
#define CODE_STEPS_MAX	(CODE_INSNS_MAX * INSN_STEPS_MAX)
#define CODE_TEXT_BYTES 512

struct code_recording {
	char name[64];
	const struct arch *arch;
	char expected[CODE_TEXT_BYTES]; /* the lines of the sites, without "> " */
	struct code_line {
		uint64_t address;
		uint8_t bytes[16];
		size_t size;
	} lines[CODE_INSNS_MAX];
	size_t cnt;
};

/* Reads a recording; the test fails if it cannot. */
void code_recording__read(struct code_recording *out, const char *path);

/*
 * Decodes the recording's instructions into @insns, which has room for CODE_STEPS_MAX. The test
 * fails if an instruction's size differs from the recording. Returns the number of steps.
 */
size_t code_recording__decode(const struct code_recording *recording, struct insn *insns);

/* Scans code of @arch for shapes and writes the results in the format of recordings. */
void code_recording__scan(const struct arch *arch, const struct insn *insns, size_t cnt, char *text,
			  size_t size);
