// SPDX-License-Identifier: BSD-2-Clause
#include "probes/arch/arch.h"

#include <elf.h>

#include "util/cleanup.h"

#define ARCH_ADDRESS(name) &arch_##name,

static const struct arch *const archs[] = {ARCHS(ARCH_ADDRESS)};

const struct arch *arch__of(uint16_t elf_machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (archs[i]->elf_machine == elf_machine)
			return archs[i];
	return NULL;
}

/* The ELF header of this program, which the linker includes in its memory image. */
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

const struct arch *arch__own(void)
{
	return arch__of(__ehdr_start.e_machine);
}

const char *arch__register_name(const struct arch *arch, uint8_t reg)
{
	return reg < arch->register_cnt ? arch->register_names[reg] : "?";
}
