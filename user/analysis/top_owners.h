/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in the chunks that pin the tops of malloc's arenas (malloc/top_pins.h), and, as far as
 * these are of Python, what keeps that alive. Of each arena, those pins are looked at that the
 * summary counts (analysis/top_pin_summary.h): only if all of them are freed, much is released.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/chunk_owner.h"
#include "census/retention.h"

/* So many pins are looked at, those of the arenas where they keep most first. */
#define TOP_OWNERS_MAX 64

struct top_owner {
	uint64_t arena;	      /* address */
	uint64_t block, size; /* address of the block; size of its chunk */
	uint32_t kind;	      /* as in a census; BLOCK_UNKNOWN: no object that is known owns it */
	bool is_cached;	      /* free in a tcache; nothing owns it */
	char *path;	      /* NULL: no path leads there */
};

/* Zero-initialized. */
struct top_owners {
	struct top_owner items[TOP_OWNERS_MAX]; /* of each arena from the top downwards */
	size_t cnt;
	uint64_t left_out_cnt; /* pins beyond TOP_OWNERS_MAX */
};

/*
 * Finds the owners of the pins. Where residency is not known, only the first pin of each arena that
 * keeps anything counts. Returns 0, -EDQUOT, -ENOMEM, or as retention__learn(). The caller releases
 * @out, also on failure.
 */
int top_owners__find(struct top_owners *out, const struct owners_source *source,
		     struct retention *retention);
void top_owners__release(struct top_owners *owners);
