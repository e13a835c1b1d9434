/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the arena array of one allocator without knowing its length.
 *
 * The length (`maxarenas`) is 16, 32, 64, ... and follows from the contents: each slot is either a
 * plausible arena or unused, and the unused slots form a single list, linked by nextarena, with one
 * beginning and one end. Memory behind the array does not continue this pattern.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heap/region.h"
#include "pymalloc/geometry.h"
#include "target/memory.h"

/* Upper limit: 1 TiB in arenas of 1 MiB. */
#define ARENAS_MAX (1U << 20)

/* Arenas collected from one or more arrays. The owner frees the items with account__free(). */
struct arena_list {
	struct region *items;
	size_t cnt, capacity;
};

/*
 * Reads the arenas of the array at @base and appends them to @list. If geometry->arena_size is 0,
 * computes it. *slot_cnt: on entry, the number of slots at the last reading (0: not known); on
 * return, the current number. The array never shrinks. One arena whose memory is unmapped is
 * omitted: it is about to be released. Errors: -EUCLEAN no such array at @base, or it changed while
 * it was read; -E2BIG more than ARENAS_MAX slots; -EFAULT; -ENOMEM; -EDQUOT. On failure nothing has
 * changed.
 */
int arena_table__read(const struct memory *memory, uint64_t base, struct geometry *geometry,
		      struct arena_list *list, size_t *slot_cnt);

/* Whether a slot in use can describe an arena; geometry->arena_size may be 0. */
bool arena_table__slot_is_plausible(const struct geometry *geometry,
				    const struct arena_object *slot);
