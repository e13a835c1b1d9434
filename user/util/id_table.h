/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds an item by what it holds. The items lie in an array of their owner's, and their places in
 * it are their ids; the table holds hashes and ids only, and asks the owner whether an item is the
 * one. A table that is all zero is an empty one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/account.h"

#define ID_TABLE_NONE UINT32_MAX

struct id_table {
	struct id_slot {
		uint32_t hash;
		uint32_t id; /* ID_TABLE_NONE: the slot is free */
	} * slots;
	size_t capacity, cnt;	 /* slots: a power of two */
	struct account *account; /* where its memory comes from; set before anything is added */
};

/* Whether the item @id of @owner is what @key describes. */
typedef bool id_table_match(const void *owner, uint32_t id, const void *key);

/* Differs from run to run (see util/hash.h). */
uint32_t id_table__hash(const void *bytes, size_t size);

/* The id of the item that @match says yes to, or ID_TABLE_NONE. */
uint32_t id_table__find(const struct id_table *table, uint32_t hash, id_table_match *match,
			const void *owner, const void *key);

/*
 * Enters an item that is not in the table yet. Returns 0, -EDQUOT or -ENOMEM, the latter also for
 * an @id that is ID_TABLE_NONE or above; then nothing has changed.
 */
int id_table__add(struct id_table *table, uint32_t hash, size_t id);

/* Releases what the table holds; it is an empty one then. */
void id_table__release(struct id_table *table);
