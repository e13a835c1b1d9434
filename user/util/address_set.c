// SPDX-License-Identifier: BSD-2-Clause
#include "util/address_set.h"

#include <errno.h>

#include "util/hash.h"

static bool is_at(const void *owner, uint32_t id, const void *key)
{
	const struct address_set *set = owner;

	return set->addresses[id] == *(const uint64_t *)key;
}

int address_set__add(struct address_set *set, uint64_t address)
{
	uint64_t hash = hash__word(address);
	int err;

	if (id_table__find(&set->ids, hash, is_at, set, &address) != ID_TABLE_NONE)
		return 0;
	err = ID_TABLE_APPEND(&set->ids, hash, set->addresses, set->capacity, set->cnt);
	if (err)
		return err;
	set->addresses[set->cnt++] = address;
	return 1;
}

void address_set__release(struct address_set *set)
{
	id_table__release(&set->ids);
	account__free(set->addresses);
	*set = (struct address_set){};
}
