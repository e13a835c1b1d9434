/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is specific to a machine architecture: its instructions and registers, its calling
 * convention, and how the kernel probes it. An architecture is one file in this directory, which
 * defines a struct arch, and a row of ARCHS.
 *
 * The architecture of code is that of its ELF file, which need not be this program's: code of any
 * architecture can be decoded and searched anywhere. Only code of arch__own() can be probed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "probes/arch/insn.h"

#define ARCH_ARGUMENTS_MAX  3
#define ARCH_BREAKPOINT_MAX 4

struct arch {
	const char *name;     /* "x86-64" */
	uint16_t elf_machine; /* EM_... from <elf.h> */

	/* General registers, numbered as in the BPF programs (bpf/arch/). */
	const char *const *register_names;
	uint8_t register_cnt; /* at most INSN_REGISTERS */

	/* Where C passes the first arguments, and where a function returns its value. */
	uint8_t argument_registers[ARCH_ARGUMENTS_MAX];
	uint8_t result_register;

	/*
	 * The maximum number of instructions after a jump or call in which the rest of a shape is
	 * searched for. An architecture whose instructions do less needs more of them.
	 */
	uint8_t lookahead;

	/* The breakpoint that the kernel writes over a probed instruction. */
	uint8_t breakpoint[ARCH_BREAKPOINT_MAX];
	uint8_t breakpoint_bytes;

	/* Bytes to skip where no known instruction is found. */
	uint8_t skipped_bytes;

	/*
	 * new_state() returns 0, -ENOTSUP or -ENOMEM. Both are NULL if a decoder has no state;
	 * decode() then gets NULL.
	 */
	int (*new_state)(void **out);
	void (*free_state)(void *state);

	/*
	 * Decodes the instruction at @bytes, which is at @address, from at most @size (>= 1) bytes.
	 * Writes its steps, at most INSN_STEPS_MAX, each initialized to INSN_NOTHING, and stores
	 * the size and uprobe of the instruction in the first step. Returns the number of steps; 0
	 * if it does not know the instruction. An instruction that the kernel emulates must not
	 * change a general register before its last step.
	 */
	size_t (*decode)(void *state, const uint8_t *bytes, size_t size, uint64_t address,
			 struct insn *steps);

	/*
	 * Two functions for timing hits: the kernel emulates the first instruction of one, and
	 * single-steps that of the other. Call them only if this is arch__own(). Their code is
	 * given as bytes, so that assemblers of all architectures accept it.
	 */
	void (*emulated_function)(void);
	void (*stepped_function)(void);
};

/* The architecture of 64-bit ELF files with this e_machine; NULL if it is unknown. */
const struct arch *arch__of(uint16_t elf_machine);

/* The architecture of this program and of the kernel it runs on; NULL if it is unknown. */
const struct arch *arch__own(void);

/* "rax", ...; "?" if there is no such register. */
const char *arch__register_name(const struct arch *arch, uint8_t reg);

/* arch_x86_64 is defined in x86_64.c, and so on. */
#define ARCHS(X) X(x86_64)

#define ARCH_DECLARATION(name) extern const struct arch arch_##name;
ARCHS(ARCH_DECLARATION)
#undef ARCH_DECLARATION
