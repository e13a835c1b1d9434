/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds an item by what it holds. The items lie in an array of the owner's, and their places in it
 * are their ids; the table holds hashes and ids only, and asks the owner whether an item is the one
 * that is searched for. A table that is all zero is an empty one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/hash_map.h"

#define ID_TABLE_NONE UINT32_MAX

struct id_table {
	struct hash_map map; /* by hash; the owner sets its account before anything is added */
};

struct id_entry {
	uint64_t word; /* the hash, 32 bits, and behind it the id, plus 1 */
};

/* Whether the item @id of @owner is what @key describes. */
typedef bool id_table_match(const void *owner, uint32_t id, const void *key);

/*
 * The id of the item with @hash that @match says yes to, or ID_TABLE_NONE. The hash is one of
 * util/hash.h; its lower 32 bits are used.
 */
uint32_t id_table__find(const struct id_table *table, uint64_t hash, id_table_match *match,
			const void *owner, const void *key);

/*
 * Enters an item that is not in the table yet. Returns 0, -EDQUOT or -ENOMEM, the latter also for
 * an @id that is ID_TABLE_NONE or above; then nothing has changed.
 */
int id_table__add(struct id_table *table, uint64_t hash, size_t id);

/* Releases what the table holds; it is an empty one then, of the same account. */
void id_table__release(struct id_table *table);
