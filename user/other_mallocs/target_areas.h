/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the mappings of a target alone say about its memory: where programs and libraries have
 * their writable static data, and what an allocator may have got from the system.
 *
 * No ELF file is opened, for the reasons given in malloc/writable_data.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/target.h"

/* Of the anonymous memory behind the data of a file, so much may be .bss. */
#define STATIC_BSS_BYTES_MAX (64UL << 20)

/*
 * A private writable mapping of a file, and the anonymous memory that follows it without a gap:
 * this begins with .bss, but the kernel may have merged it with other memory.
 */
struct static_area {
	uint64_t start, end;	    /* addresses, end exclusive */
	const struct mapping *file; /* the first mapping of the area */
	size_t next;		    /* index of the mapping behind it */
};

/*
 * Finds the first area that begins at mapping number @from of target->maps or later. Returns false
 * if there is none.
 */
bool static_area__find(struct static_area *out, const struct target *target, size_t from);

/*
 * Whether all of [address, address + size) is private writable memory without a file. It may be
 * several mappings that lie together.
 */
bool target_areas__are_anonymous(const struct target *target, uint64_t address, uint64_t size);
