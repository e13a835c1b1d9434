/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the memory of a process is used for: arenas, malloc's heaps, files, stacks, and the rest.
 *
 * The kernel merges adjacent mappings without a file, so a mapping is divided where its use
 * changes. What glibc's malloc has is found by malloc/malloc_areas.h; other mallocs are not
 * recognized. A module's data is followed by the memory that its ELF headers request (.bss). A
 * stack is where the stack pointer of a waiting thread is, or what is right above a page that is
 * not accessible.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"
#include "malloc/malloc_areas.h"
#include "target/smaps.h"
#include "target/target.h"
#include "util/counters.h"
#include "util/failure.h"

enum memory_part {
	MEMORY_ARENAS,
	MEMORY_MALLOC,
	MEMORY_FILES, /* also static data of programs and libraries, and the kernel's [vdso] */
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
	size_t mapping; /* index of the mapping that it is in */
};

struct memory_share {
	uint64_t mapped_bytes, resident_bytes;
};

struct memory_use {
	bool is_known; /* false until it is found */
	struct smaps smaps;
	struct memory_region *regions; /* sorted by address */
	size_t region_cnt, region_capacity;
	struct memory_share parts[MEMORY_PART_CNT], all;
};

/*
 * Examines the memory of a process whose arenas are those of @heap, and whose malloc has the areas
 * of @malloc. Returns 0, -EDQUOT, -ENOMEM, as
 * memory__read(), or negative errno if the mappings cannot be read. The caller releases *out.
 */
int memory_use__find(struct memory_use *out, const struct target *target, const struct heap *heap,
		     const struct malloc_areas *malloc);

/*
 * The same for a report, which omits the memory use if the mappings cannot be read: then returns 0,
 * and *out is not known. Adds to @counters. Errors, each described in @failure: -EDQUOT, -ENOMEM.
 */
int memory_use__find_for_report(struct memory_use *out, const struct target *target,
				const struct heap *heap, const struct malloc_areas *malloc,
				struct counters *counters, struct failure *failure);
void memory_use__release(struct memory_use *use);

/* @use, or NULL if it is not known. */
static inline const struct memory_use *memory_use__if_known(const struct memory_use *use)
{
	return use->is_known ? use : NULL;
}

/* The region that contains @address; NULL if there is none. */
const struct memory_region *memory_use__region_at(const struct memory_use *use, uint64_t address);
