/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds and reads mallocng, the malloc of musl since 1.2.1.
 *
 * mallocng has its memory in groups: up to 32 slots of one size behind a header. What it knows of a
 * group is apart from it, in a *meta*, which has two masks: slots never used yet or free at once
 * (avail), and slots that were freed. All other slots are allocations. Metas are in *areas*, pages
 * of 4 KiB linked in a list. Each area begins with a secret, a random number that is also the first
 * word of mallocng's context in the static data of libc, or of the program if that is static. So
 * the context finds itself: the first area that it refers to begins with the context's first word.
 * A meta proves itself: its group's header refers back to it.
 *
 * A group is a mapping of its own, or lies in a slot of a larger group: such a slot is no
 * allocation. Some groups are donated: made of unused rests of the pages of libraries' data.
 *
 * Source: musl 1.2.3, src/malloc/mallocng/meta.h, malloc.c, donate.c; the same in 1.2.1 to 1.2.5.
 */
#pragma once

#include "other_mallocs/other_malloc.h"
#include "target/target.h"

struct mallocng_context {
	uint64_t secret;
	uint64_t first_area;	    /* address */
	const struct mapping *file; /* whose static data it is */
};

/* A process has one for each libc of musl: one. */
#define MALLOCNG_CONTEXTS_MAX 4

struct mallocng_contexts {
	struct mallocng_context items[MALLOCNG_CONTEXTS_MAX];
	size_t cnt;
};

/* Finds those of @target, whose maps are read. Errors as those of page_trees__find(). */
int mallocng_contexts__find(struct mallocng_contexts *out, const struct target *target);

/*
 * Reads the memory of the mallocng with that @context. Returns 0, -EDQUOT, -ENOMEM, or as
 * memory__read_ranges(). The caller releases @out, also on failure.
 */
int mallocng__read(struct other_malloc *out, const struct target *target,
		   const struct mallocng_context *context);
