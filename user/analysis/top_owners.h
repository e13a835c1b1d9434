/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in the chunks that pin the tops of malloc's arenas (malloc/top_pins.h), as far as these
 * are of Python, and what keeps that alive.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analysis/chunk_owner.h"
#include "census/retention.h"

/* The first pins of so many arenas are looked at. */
#define TOP_OWNERS_MAX 64

struct top_owner {
	uint64_t block, size; /* address of the block; size of its chunk */
	uint32_t kind;	      /* as in a census */
	char *path;	      /* NULL: no path leads there */
};

/* Zero-initialized. */
struct top_owners {
	struct top_owner items[TOP_OWNERS_MAX]; /* by malloc and arena */
	size_t cnt;
};

/*
 * Finds the owner of the first pin of each arena, except for those that are free in a tcache, keep
 * nothing, or are not of Python. Returns 0, -EDQUOT, -ENOMEM, or as retention__learn(). The caller
 * releases @out, also on failure.
 */
int top_owners__find(struct top_owners *out, const struct owners_source *source,
		     struct retention *retention);
void top_owners__release(struct top_owners *owners);
