/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds glibc's malloc in a target without symbols, by what it has written.
 *
 * An arena has 127 bins, pairs of words (fd, bk) that are the ends of lists of free chunks. The bin
 * counts as a chunk itself, that begins 16 bytes before the pair. So an empty bin refers to itself
 * twice; the first chunk of any other refers back to it, and so does the last. No other data looks
 * like 127 of these in a row. Where they begin is known by the pointer behind them: the ring of
 * arenas leads back to where this arena begins, by one of the known layouts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "malloc/arena.h"
#include "malloc/parameters.h"
#include "target/target.h"

/* A process with more is not read: it has one for each core, times 8 (arena_get2(), arena.c). */
#define MALLOC_ARENAS_MAX 16384
/* Each libc that is loaded has a malloc; a process has one, or two with dlmopen(3). */
#define MALLOCS_MAX 8

struct found_malloc {
	const struct arena_layout *layout;
	uint64_t *arenas; /* addresses, the main arena first. Owned */
	size_t arena_cnt;
	struct malloc_parameters parameters;
	uint64_t heap_bytes_max; /* of a thread's heap, which is aligned to as much */
};

struct found_mallocs {
	struct found_malloc items[MALLOCS_MAX];
	size_t cnt;
	bool is_cut; /* there is more static data than is looked at, or more mallocs */
};

/*
 * Looks for main arenas in the static data of @target, whose maps are read. A malloc that was never
 * used is not found: its bins are zero. Returns 0, also if there is none; -EDQUOT, -ENOMEM, or as
 * memory__read_ranges(). The caller releases.
 */
int found_mallocs__find(struct found_mallocs *out, const struct target *target);
void found_mallocs__release(struct found_mallocs *mallocs);
