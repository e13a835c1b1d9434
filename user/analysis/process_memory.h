/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All memory of a process: its division into layers, and what its mallocs have. glibc's are read
 * along with the other heaps of a source; the rest is read here, so it is a little later.
 */
#pragma once

#include "analysis/malloc_map.h"
#include "analysis/malloc_use.h"
#include "analysis/memory_use.h"
#include "other_mallocs/loaded_mallocs.h"
#include "other_mallocs/other_mallocs.h"
#include "source/heap_source.h"
#include "util/counters.h"
#include "util/failure.h"

/* Zero-initialized. */
struct process_memory {
	struct memory_use use;
	struct malloc_use malloc; /* empty if @mallocs is NULL */
	/* Not owned: those of the source, until it reads them again; NULL: not known. */
	const struct mallocs *mallocs;
	struct other_mallocs other_mallocs;
	struct loaded_mallocs loaded_mallocs; /* that are not recognized */
	struct malloc_map malloc_map;	      /* empty unless it is to be drawn */
	bool has_malloc_map;
};

/* In how much detail memory is divided. */
enum memory_detail {
	MEMORY_COMPLETE,
	/* Without other allocators than glibc's malloc, which all memory is searched for. */
	MEMORY_QUICK,
	MEMORY_DRAWN, /* completely, and with a map of malloc's heaps */
};

/*
 * Divides the memory of the process of @source, whose mallocs have just been read, and whose arenas
 * are the regions of @arenas. What cannot be read is left out. Adds to @counters. Errors, each
 * described in @failure: -EDQUOT, -ENOMEM. The caller releases @out, also on failure.
 */
int process_memory__divide(struct process_memory *out, const struct heap_source *source,
			   const struct heap *arenas, enum memory_detail detail,
			   struct counters *counters, struct failure *failure);
void process_memory__release(struct process_memory *memory);

/* NULL if they are not known. */
static inline const struct malloc_use *process_memory__malloc(const struct process_memory *memory)
{
	return memory->mallocs ? &memory->malloc : NULL;
}

/* NULL if it was not drawn. */
static inline const struct malloc_map *process_memory__map(const struct process_memory *memory)
{
	return memory->has_malloc_map ? &memory->malloc_map : NULL;
}
