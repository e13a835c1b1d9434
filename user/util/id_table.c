// SPDX-License-Identifier: BSD-2-Clause
#include "util/id_table.h"

#include <errno.h>

#define ID_BITS UINT32_MAX

static uint32_t id_of(const struct id_entry *entry)
{
	return (uint32_t)(entry->word & ID_BITS) - 1;
}

uint32_t id_table__find(const struct id_table *table, uint64_t hash, id_table_match *match,
			const void *owner, const void *key)
{
	const struct id_entry *entry = hash_map__find(&table->map, hash << 32);

	while (entry && !match(owner, id_of(entry), key))
		entry = hash_map__find_another(&table->map, entry);
	return entry ? id_of(entry) : ID_TABLE_NONE;
}

int id_table__add(struct id_table *table, uint64_t hash, size_t id)
{
	if (id >= ID_TABLE_NONE)
		return -ENOMEM;
	table->map.entry_bytes = sizeof(struct id_entry);
	table->map.value_bits = ID_BITS;
	return hash_map__add_another(&table->map, hash << 32 | (id + 1)) ? 0 : -errno;
}

int id_table__append(struct id_table *table, uint64_t hash, void **items, size_t *capacity,
		     size_t cnt, size_t item_size)
{
	int err = account__reserve(table->map.account, items, capacity, cnt + 1, item_size);

	return err ? err : id_table__add(table, hash, cnt);
}

void id_table__release(struct id_table *table)
{
	hash_map__release(&table->map);
}
