/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects that Python has freed and keeps for the next of their kind, where their reference count
 * does not say so.
 *
 * They hang on free lists, and each points to the next: from 3.14 on with its first word, where its
 * count was (_PyFreeList_Push(), Include/internal/pycore_freelist_state.h); a float of 3.0 to 3.13
 * with its second, where its type was (Objects/floatobject.c). So one is known by the next, which
 * is of the same type and size, and parked, too: nothing that is alive has an address for its
 * count, or a count of 0. The keys of dicts are no objects, but are kept in the same way (3.6 and
 * later); they are known by what is behind their count.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "census/census.h"

/* A block that seems to hang on a free list. */
struct parked_link {
	uint32_t place;
	uint32_t type; /* its number; TYPE_NONE: it would be a float, or keys */
	bool is_keys;
	uint64_t next; /* the address of the next object; 0: it is the last */
};

struct parked_links {
	struct account *account;
	struct parked_link *links;
	size_t cnt, capacity;
};

/*
 * Whether @word, which an object would begin with, may be the address of the next on its free list.
 */
bool parked__is_link(const struct census *census, uint64_t word);

/*
 * Whether a block of @size bytes, of which @bytes are a copy, may hold a parked float; *next as in
 * the struct.
 */
bool parked__is_float(const struct census *census, const uint8_t *bytes, uint32_t size,
		      uint64_t *next);

/* Whether a block of @size bytes, of which @bytes are a copy, holds parked keys of a dict. */
bool parked__is_keys(const struct census *census, const uint8_t *bytes, uint32_t size);

/* Returns 0, -ENOMEM or -EDQUOT. */
int parked_links__add(struct parked_links *links, struct parked_link link);

/*
 * Makes BLOCK_PARKED of those that are linked with each other. Returns 0, -EDQUOT, -ENOMEM or
 * -ETIME.
 */
int parked_links__settle(struct parked_links *links, struct census *census);
void parked_links__release(struct parked_links *links);
