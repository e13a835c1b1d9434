/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct malloc_state of glibc: an arena, from which one or more threads allocate. (An arena of
 * pymalloc is another thing.) The main arena is static data of libc; the others lie at the start of
 * a heap of theirs. All are linked in a ring.
 *
 * Source of the layouts: malloc/malloc.c of glibc 2.26, 2.31, 2.36, 2.41, 2.42 and 2.43. From the
 * bins on, all versions are alike; what is before them differs, and their offset names the layout.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"

#define ARENA_BINS	   127 /* bin 0 does not exist; the pairs are those of bins 1 to 127 */
#define ARENA_FASTBINS_MAX 10

/* Bytes from the start on. */
#define ARENA_FLAGS_AT 4 /* 32 bits */

/* Bytes from the first bin on. */
#define ARENA_NEXT_AFTER_BINS 2048 /* behind 254 words of bins and 16 bytes of binmap */
#define ARENA_END_AFTER_BINS  2088

/* Offsets in struct malloc_state, in bytes. */
struct arena_layout {
	uint16_t fastbins, fastbin_cnt; /* 0 of them from glibc 2.43 on */
	uint16_t top, bins;
};

#define ARENA_LAYOUTS 3
extern const struct arena_layout arena_layouts[ARENA_LAYOUTS];

struct malloc_arena {
	uint64_t address;
	bool is_main;
	bool is_contiguous; /* the main arena: brk(2) has never failed */
	uint64_t top;	    /* address of a chunk; in the arena itself: there is none yet */
	uint64_t fastbins[ARENA_FASTBINS_MAX];
	uint64_t threads;      /* attached */
	uint64_t system_bytes; /* got from the system: what its heaps have, open for use */
};

/* The address of the arena's first bin. */
static inline uint64_t malloc_arena__bins(const struct malloc_arena *arena,
					  const struct arena_layout *layout)
{
	return arena->address + layout->bins;
}

/* Reads the arena at @address. Returns 0 or as memory__read(). */
int malloc_arena__read(struct malloc_arena *out, const struct arena_layout *layout,
		       const struct memory *memory, uint64_t address);

/* Whether it has no top, for it was never allocated from: the top is the arena's first bin. */
bool malloc_arena__is_unused(const struct malloc_arena *arena, const struct arena_layout *layout);
