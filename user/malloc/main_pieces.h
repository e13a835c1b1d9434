/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the main arena of a malloc goes on if brk(2) did not continue where it had been.
 *
 * The main arena grows by brk(2). Two things divide it into pieces. Somebody else calls sbrk(2):
 * then the next piece begins behind what they have. Or brk(2) fails: because another mapping lies
 * above the break, because of a limit, because glibc.malloc.hugetlb=2 forbids brk(2), or because
 * the libc was loaded by dlmopen(3), and the break belongs to the first libc. Then pieces are
 * mappings of 1 MiB or more, and the arena has the flag NONCONTIGUOUS. No list of pieces exists.
 * Each but the one with the top ends with a fence (malloc/chunk.h), and each begins with a chunk
 * that has nothing before it. So a piece is what begins like that and whose chunks lead to a fence
 * or to the top.
 *
 * Source: sysmalloc() and sysmalloc_mmap_fallback(), malloc/malloc.c, and ptmalloc_init(),
 * malloc/arena.c, of glibc 2.31 to 2.43.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "malloc/arena.h"
#include "malloc/heap_list.h"
#include "target/memory.h"

/* A process with more pieces in [heap] is not read further. */
#define MAIN_PIECES_MAX 65536

/*
 * Looks for the next piece in @rest: what of a heap by brk(2) comes after a fence. Moves its start
 * there. Returns 0, -ENOENT: there is none; -EDQUOT, -ENOMEM, or as memory__read_ranges().
 */
int main_piece__find_next(struct malloc_heap *rest, const struct memory *memory);

/*
 * Looks whether a piece begins at @address, in a mapping that goes on to @limit. It belongs to the
 * malloc whose @main arena has @layout, if it has the top of that (out->top); else it is some
 * malloc's. Returns 0, -ENOENT: it is none; -EDQUOT, -ENOMEM, or as memory__read_ranges().
 */
int main_piece__read(struct malloc_heap *out, const struct memory *memory,
		     const struct malloc_arena *main, const struct arena_layout *layout,
		     uint64_t address, uint64_t limit);

/*
 * Whether the piece, which was read, is of the malloc whose @main arena has @layout: lists of its
 * free chunks lead to the bins of that. Returns 0, -EDQUOT, -ENOMEM, or as memory__read_ranges().
 */
int main_piece__is_of(bool *is_of, const struct malloc_heap *piece, const struct memory *memory,
		      const struct malloc_arena *main, const struct arena_layout *layout);
