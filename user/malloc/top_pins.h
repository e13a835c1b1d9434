/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps the end of an arena from being released. free() gives memory back to the system only
 * at the end of a heap: it merges the chunk with free neighbours, and if that is the top of the
 * arena by then, and large enough, it shrinks the heap. So the last chunk in use below the top, its
 * pin, keeps all free memory below it. If it is freed, the next chunk in use is the pin: the pins
 * of an arena are a ladder.
 *
 * A pin may be small enough for a tcache or a fastbin. If there is room, free() puts it there, and
 * it pins on until it leaves. A chunk that is in a tcache is a pin, too: the end of its thread
 * frees it.
 *
 * Source: _int_free(), systrim(), malloc_consolidate() (malloc/malloc.c) and heap_trim(),
 * shrink_heap() (malloc/arena.c) of glibc 2.31, 2.36, 2.41, 2.42 and 2.43.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "malloc/malloc_image.h"
#include "target/target.h"

#define TOP_PINS_MAX 8 /* of each arena */

/*
 * A pin, and what happens if all pins of its arena from the first to this one are freed, the first
 * one last.
 */
struct top_pin {
	size_t arena;	       /* its number */
	size_t rung;	       /* 0: the first below the top */
	uint64_t block, size;  /* address of the block; size of the whole chunk */
	bool is_cached;	       /* in a tcache; otherwise the program uses it */
	bool may_be_cached;    /* free() may put it into a tcache or fastbin, where it pins on */
	uint64_t top_bytes;    /* size of the top, before it shrinks */
	uint64_t shrink_bytes; /* what is released of the heaps, resident or not */
	bool is_withheld;      /* the top does not shrink, for it is below trim_threshold */
	/* Resident bytes that are released, and those that are withheld for that reason. */
	uint64_t released_bytes, withheld_bytes;
	/* Of these, what the top has now: not the pins keep that, but top_pad or trim_threshold. */
	uint64_t top_now_bytes;
};

/* Zero-initialized. */
struct top_pins {
	struct top_pin *items; /* by arena; then from the top downwards */
	size_t cnt, capacity;
	bool knows_resident; /* false: released_bytes and withheld_bytes are 0 */
};

/*
 * Finds the pins of all arenas whose heaps are read completely. There are none if the parameters of
 * the malloc are not known. Returns 0, -EDQUOT, -ENOMEM, -ETIME, or negative errno if residency
 * cannot be measured. The caller releases @out, also on failure.
 */
int top_pins__find(struct top_pins *out, const struct malloc_image *image,
		   const struct target *target);
void top_pins__release(struct top_pins *pins);

/* The first pin of arena number @arena; *cnt: how many it has. */
const struct top_pin *top_pins__of_arena(const struct top_pins *pins, size_t arena, size_t *cnt);
