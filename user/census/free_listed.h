/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognizes objects on free lists, which Python has freed and keeps for reuse, where their
 * reference count does not show it.
 *
 * Each object on a free list points to the next: from 3.14 on with its first word, which held its
 * count (_PyFreeList_Push(), Include/internal/pycore_freelist_state.h); a float of 3.0 to 3.13 with
 * its second, which held its type (Objects/floatobject.c). So an object is recognized by the next
 * one, which has the same type and size and is on the free list, too: no live object has an address
 * in place of its count, or a count of 0. The keys of dicts are not objects, but are kept in the
 * same way (3.6 and later); they are recognized by what follows their count.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "census/census.h"

/* A block that seems to be on a free list. */
struct free_list_link {
	uint32_t place;
	uint32_t type; /* its number; TYPE_NONE: for a float, or keys */
	bool is_keys;
	uint64_t next; /* the address of the next object; 0: this is the last */
};

struct free_list_links {
	struct account *account;
	struct free_list_link *links;
	size_t cnt, capacity;
};

/*
 * Whether @word, the first word of an object, can be the address of the next one on its free list.
 */
bool free_listed__is_link(const struct census *census, uint64_t word);

/*
 * Whether a block of @size bytes, of which @bytes is a copy, may hold a float on a free list.
 * *next: as in struct free_list_link.
 */
bool free_listed__is_float(const struct census *census, const uint8_t *bytes, uint64_t size,
			   uint64_t *next);

/*
 * Whether a block of @size bytes, of which @bytes is a copy, holds keys of a dict on a free list.
 */
bool free_listed__is_keys(const struct census *census, const uint8_t *bytes, uint64_t size);

/* Returns 0, -ENOMEM or -EDQUOT. */
int free_list_links__add(struct free_list_links *links, struct free_list_link link);

/*
 * Marks blocks that are linked with each other as BLOCK_FREE_LISTED. Returns 0, -EDQUOT, -ENOMEM or
 * -ETIME.
 */
int free_list_links__settle(struct free_list_links *links, struct census *census);
void free_list_links__release(struct free_list_links *links);
