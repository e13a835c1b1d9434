// SPDX-License-Identifier: BSD-2-Clause
#include "stub_arch.h"

#include <elf.h>

static const char *const names[] = {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"};

static size_t decode(void *state, const uint8_t *bytes, size_t size, uint64_t address,
		     struct insn *steps)
{
	(void)state;
	(void)bytes;
	(void)size;
	(void)address;
	(void)steps;
	return 0;
}

static void do_nothing(void)
{
}

const struct arch stub_arch = {
	.name = "stub",
	.elf_machine = EM_NONE,
	.register_names = names,
	.register_cnt = 8,
	.argument_registers = {0, 1, 2},
	.result_register = 0,
	.lookahead = 8,
	.breakpoint = {0x00, 0x00, 0x20, 0xd4},
	.breakpoint_bytes = 4,
	.skipped_bytes = 4,
	.decode = decode,
	.emulated_function = do_nothing,
	.stepped_function = do_nothing,
};
