/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pins of malloc's arenas in one sentence. Often several chunks lie together below a top, and
 * only if all of them are freed, much is released. So of each arena as many pins count as are
 * needed for half of what all of its known pins keep.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "malloc/top_pins.h"

struct top_pin_summary {
	size_t arenas, chunks;
	size_t cacheable; /* of these chunks, those that free() may keep for reuse at first */
	uint64_t chunk_bytes;
	uint64_t released_bytes, withheld_bytes; /* resident, if all of these chunks are freed */
	uint64_t kept_bytes;			 /* of these, what is not part of the tops yet */
	const struct top_pin *first; /* of the arena with the most of these; NULL: none has any */
};

/*
 * What is released, or could be, only because this pin and those above it are freed; resident
 * bytes. It never gets less from one pin of an arena to the next.
 */
uint64_t top_pin__kept_bytes(const struct top_pin *pin);

/* The pins of one arena. */
struct arena_pins {
	const struct top_pin *items; /* from the top downwards */
	size_t cnt;
	size_t counted; /* so many of them count, from the first one on; 0: they keep nothing */
	uint64_t kept_bytes; /* by these */
};

/*
 * Advances to the pins of the next arena, or to those of the first one if @arena is zeroed. Returns
 * false after the last one.
 */
bool top_pins__next_arena(const struct top_pins *pins, struct arena_pins *arena);

struct top_pin_summary top_pins__sum_up(const struct top_pins *pins);
