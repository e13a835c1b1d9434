// SPDX-License-Identifier: BSD-2-Clause
/*
 * Open addressing with linear probing. A quarter of the slots at least stays free, so that a search
 * ends soon. The hash is kept beside the id: growing asks the owner nothing, and most items that
 * are not the one are told apart without asking either.
 */
#include "util/id_table.h"

#include <errno.h>

#include "util/hash.h"

#define CAPACITY_MIN 64

uint32_t id_table__hash(const void *bytes, size_t size)
{
	return (uint32_t)hash__bytes(bytes, size);
}

uint32_t id_table__find(const struct id_table *table, uint32_t hash, id_table_match *match,
			const void *owner, const void *key)
{
	if (!table->capacity)
		return ID_TABLE_NONE;
	for (size_t at = hash;; at++) {
		const struct id_slot *slot = &table->slots[at & (table->capacity - 1)];

		if (slot->id == ID_TABLE_NONE)
			return ID_TABLE_NONE;
		if (slot->hash == hash && match(owner, slot->id, key))
			return slot->id;
	}
}

static void put(struct id_slot *slots, size_t capacity, struct id_slot item)
{
	size_t at = item.hash & (capacity - 1);

	while (slots[at].id != ID_TABLE_NONE)
		at = (at + 1) & (capacity - 1);
	slots[at] = item;
}

static int grow(struct id_table *table)
{
	size_t capacity = table->capacity ? 2 * table->capacity : CAPACITY_MIN;
	struct id_slot *slots = account__calloc(table->account, capacity, sizeof(*slots));

	if (!slots)
		return -errno;
	for (size_t i = 0; i < capacity; i++)
		slots[i].id = ID_TABLE_NONE;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->slots[i].id != ID_TABLE_NONE)
			put(slots, capacity, table->slots[i]);
	account__free(table->slots);
	table->slots = slots;
	table->capacity = capacity;
	return 0;
}

int id_table__add(struct id_table *table, uint32_t hash, size_t id)
{
	int err;

	if (id >= ID_TABLE_NONE)
		return -ENOMEM;
	if (table->cnt + 1 > table->capacity / 4 * 3) {
		err = grow(table);
		if (err)
			return err;
	}
	put(table->slots, table->capacity, (struct id_slot){.hash = hash, .id = (uint32_t)id});
	table->cnt++;
	return 0;
}

void id_table__release(struct id_table *table)
{
	account__free(table->slots);
	*table = (struct id_table){};
}
