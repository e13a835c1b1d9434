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

void id_table__release(struct id_table *table)
{
	hash_map__release(&table->map);
}
