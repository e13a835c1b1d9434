// SPDX-License-Identifier: BSD-2-Clause
#include "probes/own_code.h"

#include <link.h>
#include <stddef.h>

struct search {
	uint64_t address, offset;
};

static int look_at_object(struct dl_phdr_info *info, size_t size, void *context)
{
	struct search *search = context;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uint64_t start = info->dlpi_addr + header->p_vaddr;

		if (header->p_type != PT_LOAD || search->address < start ||
		    search->address - start >= header->p_filesz)
			continue;
		search->offset = search->address - start + header->p_offset;
		return 1;
	}
	return 0;
}

bool own_code__find_offset(const void *function, uint64_t *offset)
{
	struct search search = {.address = (uint64_t)(uintptr_t)function};

	if (!dl_iterate_phdr(look_at_object, &search))
		return false;
	*offset = search.offset;
	return true;
}
