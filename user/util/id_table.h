/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds an item by its content. The items are stored in an array of the owner, and their indices
 * are their ids. The table contains only hashes and ids, and asks the owner whether an item is the
 * one searched for. Initialize with zeros.
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
	uint64_t word; /* 32 bits of the hash, followed by the id plus 1 */
};

/* Whether the item @id of @owner is the one that @key describes. */
typedef bool id_table_match(const void *owner, uint32_t id, const void *key);

/*
 * The id of the item with @hash for which @match returns true, or ID_TABLE_NONE. @hash comes from
 * util/hash.h; its lower 32 bits are used.
 */
uint32_t id_table__find(const struct id_table *table, uint64_t hash, id_table_match *match,
			const void *owner, const void *key);

/*
 * Adds an item that is not in the table yet. Returns 0, -EDQUOT or -ENOMEM, the latter also if @id
 * is ID_TABLE_NONE or larger. On failure nothing has changed.
 */
int id_table__add(struct id_table *table, uint64_t hash, size_t id);

/*
 * Does the same for an item that the owner is about to append to its array *@items, which has @cnt
 * items and room for *@capacity. Makes room for another one, charged to the table's account, and
 * enters it under the id @cnt. On failure, only the capacity may have changed.
 */
int id_table__append(struct id_table *table, uint64_t hash, void **items, size_t *capacity,
		     size_t cnt, size_t item_size);

/* The same, with the item size taken from the pointer's type. */
#define ID_TABLE_APPEND(table, hash, items, capacity, cnt)                                         \
	id_table__append((table), (hash), (void **)&(items), &(capacity), (cnt), sizeof(*(items)))

/* Frees the content. The table is then empty, with the same account. */
void id_table__release(struct id_table *table);
