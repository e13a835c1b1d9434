/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is particular to a machine architecture: its instructions and registers, its calling
 * convention, and how the kernel probes it. An architecture is one file of this directory, which
 * defines a struct arch, and a row of ARCHS.
 *
 * Code has the architecture of the ELF file that it is in, which need not be this program's: any
 * can be decoded and searched anywhere. Only where a probe goes in must it be arch__own().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "probes/arch/insn.h"

#define ARCH_ARGUMENTS_MAX  3
#define ARCH_BREAKPOINT_MAX 4

struct arch {
	const char *name;     /* "x86-64" */
	uint16_t elf_machine; /* EM_... of <elf.h> */

	/* General registers, by the number that BPF programs know them by (bpf/arch/). */
	const char *const *register_names;
	uint8_t register_cnt; /* at most INSN_REGISTERS */

	/* Where C passes the first arguments, and where a function returns its value. */
	uint8_t argument_registers[ARCH_ARGUMENTS_MAX];
	uint8_t result_register;

	/*
	 * How many instructions behind a jump or a call the rest of a shape may be. Compilers need
	 * more of them for the same where an instruction does less.
	 */
	uint8_t lookahead;

	/* What the kernel writes over an instruction that it probes. */
	uint8_t breakpoint[ARCH_BREAKPOINT_MAX];
	uint8_t breakpoint_bytes;

	/* What is skipped where there is no known instruction, bytes. */
	uint8_t skipped_bytes;

	/*
	 * A decoder's state: new_state() returns 0, -ENOTSUP or -ENOMEM. All three NULL: it has
	 * none.
	 */
	int (*new_state)(void **out);
	void (*free_state)(void *state);

	/*
	 * Decodes the instruction at @bytes, at most @size (1 or more), which lies at @address.
	 * Writes its steps, at most INSN_STEPS_MAX, each begun as INSN_NOTHING, and the size and
	 * uprobe of the instruction into the first. Returns how many; 0: no instruction it knows.
	 * An instruction that the kernel emulates must not change a general register before its
	 * last step.
	 */
	size_t (*decode)(void *state, const uint8_t *bytes, size_t size, uint64_t address,
			 struct insn *steps);

	/*
	 * Two functions, of which the kernel emulates and single-steps the first instruction, for
	 * hits to be timed. Only to be called if this is arch__own(), of course. They are given as
	 * bytes, so that assemblers of all architectures accept them.
	 */
	void (*emulated_function)(void);
	void (*stepped_function)(void);
};

/* The architecture whose ELF files say @elf_machine and are of 64 bits; NULL: none is known. */
const struct arch *arch__of(uint16_t elf_machine);

/* That of this program, which is that of the kernel it runs on; NULL: none is known. */
const struct arch *arch__own(void);

/* "rax", ...; "?" if there is no such register. */
const char *arch__register_name(const struct arch *arch, uint8_t reg);

/* arch_x86_64 is defined in x86_64.c, and so on. */
#define ARCHS(X) X(x86_64)

#define ARCH_DECLARATION(name) extern const struct arch arch_##name;
ARCHS(ARCH_DECLARATION)
#undef ARCH_DECLARATION
