/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arena array of one allocator, read without knowing how long it is.
 *
 * Its length (`maxarenas`) is 16, 32, 64, ... and need not be looked for, because the array proves
 * it: each slot is either a plausible arena or unused, and the unused slots form one list, through
 * nextarena, with one beginning and one end. What lies behind the array breaks that.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heap/region.h"
#include "pymalloc/geometry.h"
#include "target/memory.h"

/* What we are ready to read: 1 TiB in arenas of 1 MiB. */
#define ARENAS_MAX (1U << 20)

/* Arenas, as they are gathered. The owner frees the items (account__free()). */
struct arena_list {
	struct region *items;
	size_t cnt, capacity;
};

/*
 * Reads the arenas of the array at @base and appends them to @list. If geometry->arena_size is 0 it
 * is worked out. *slot_cnt is how many slots the array had when it was last read (0: not known),
 * and then how many it has: it never gets shorter. One arena whose memory is gone is left out: it
 * is being given up. Errors: -EUCLEAN there is no such array at @base (or it changed while it was
 * read), -E2BIG above ARENAS_MAX slots, -EFAULT, -ENOMEM, -EDQUOT. On failure nothing has changed.
 */
int arena_table__read(const struct memory *memory, uint64_t base, struct geometry *geometry,
		      struct arena_list *list, size_t *slot_cnt);

/* Whether a used slot can describe an arena; geometry->arena_size may be 0. */
bool arena_table__slot_is_plausible(const struct geometry *geometry,
				    const struct arena_object *slot);
