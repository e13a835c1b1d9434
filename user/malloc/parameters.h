/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct malloc_par of glibc, "mp_": the parameters of malloc, as they are in force, and what it
 * counts. It is static data of libc, and found by its member sbrk_base: the address where the heap
 * of the main arena begins, by brk(2) or, if that has failed, in a mapping.
 *
 * Source of the layouts: malloc/malloc.c of glibc 2.31, 2.36, 2.41, 2.42 and 2.43.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "malloc/arena.h"
#include "target/target.h"

struct malloc_parameters {
	bool is_known;		  /* false: not found, all else is 0 */
	uint64_t sbrk_base;	  /* address */
	uint64_t trim_threshold;  /* bytes; free() shrinks a heap whose top has as many */
	uint64_t top_pad;	  /* bytes that are left on top then */
	uint64_t mmap_threshold;  /* bytes; larger requests get a mapping of their own */
	uint64_t arenas_max;	  /* MALLOC_ARENA_MAX; 0: eight times the number of cores */
	uint64_t huge_page_bytes; /* by which trimming rounds, with glibc.malloc.hugetlb=1; or 0 */
	uint64_t hugetlb_bytes;	  /* size of pages requested, with glibc.malloc.hugetlb=2; or 0 */
	bool is_fixed;		  /* the thresholds do not rise by themselves any more */
	uint64_t cached_bytes;	  /* free() may put chunks up to this size into a tcache; 0: none */
	uint32_t mapped_chunks;
	uint64_t mapped_bytes;
};

/* By what the main arena's top shrinks, in bytes: a power of two. */
uint64_t malloc_parameters__trim_unit(const struct malloc_parameters *parameters);

/*
 * Looks for the parameters near @main_arena, which has the layout @arena, in the static data of
 * @target, whose maps are read.
 * Returns 0, with out->is_known false if they are not there (then the main arena is not in use,
 * or cannot be read), -EDQUOT, -ENOMEM, or as memory__read_ranges().
 */
int malloc_parameters__find(struct malloc_parameters *out, const struct target *target,
			    const struct arena_layout *arena, uint64_t main_arena);
