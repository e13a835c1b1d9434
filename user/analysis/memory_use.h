/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the memory of a process is used for: arenas, malloc's heaps, files, stacks, and what is none
 * of these.
 *
 * The kernel merges neighbouring mappings without a file, so a mapping is divided where its use
 * changes. glibc's malloc is known by what it writes (malloc/malloc.c, malloc/arena.c): [heap];
 * heaps of 64 MiB, aligned so, which begin with a heap_info; and large requests, mapped each for
 * itself, which begin with their size and IS_MMAPPED. Other mallocs are not known. Behind a
 * module's data is what its ELF headers ask for (.bss). A stack is where the stack pointer of a
 * thread is that waits, or what is right above a page that may not be accessed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"
#include "target/smaps.h"
#include "target/target.h"

enum memory_part {
	MEMORY_ARENAS,
	MEMORY_MALLOC,
	MEMORY_FILES, /* and static data of programs and libraries, and what the kernel lends */
	MEMORY_STACKS,
	MEMORY_UNEXPLAINED,
	MEMORY_PART_CNT,
};

/* "arenas", "malloc", "files", "stacks", "unexplained" */
extern const char *const memory_part_names[MEMORY_PART_CNT];

struct memory_region {
	uint64_t start, end; /* addresses, end exclusive */
	uint64_t resident_bytes;
	enum memory_part part;
	size_t mapping; /* which it is in */
};

struct memory_share {
	uint64_t mapped_bytes, resident_bytes;
};

struct memory_use {
	struct smaps smaps;
	struct memory_region *regions; /* by address */
	size_t region_cnt, region_capacity;
	struct memory_share parts[MEMORY_PART_CNT], all;
};

/*
 * Finds it out of a process whose arenas are those of @heap. Returns 0, -EDQUOT, -ENOMEM, as
 * memory__read(), or negative errno where that cannot be seen. The caller releases.
 */
int memory_use__find(struct memory_use *out, const struct target *target, const struct heap *heap);
void memory_use__release(struct memory_use *use);

/* The region that @address is in; NULL: none. */
const struct memory_region *memory_use__region_at(const struct memory_use *use, uint64_t address);
