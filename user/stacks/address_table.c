// SPDX-License-Identifier: BSD-2-Clause
#include "stacks/address_table.h"

#include <errno.h>

#include "util/hash.h"

#define SLOTS_INITIAL 256

void address_table__release(struct address_table *table)
{
	account__free(table->slots);
	*table = (struct address_table){.account = table->account};
}

static size_t home_of(const struct address_table *table, uint64_t address)
{
	return hash__word(address) & (table->slot_cnt - 1);
}

/* The slot that holds @address, or the empty one where it belongs. */
static struct address_entry *find_slot(const struct address_table *table, uint64_t address)
{
	size_t at = home_of(table, address);

	while (table->slots[at].address && table->slots[at].address != address)
		at = (at + 1) & (table->slot_cnt - 1);
	return &table->slots[at];
}

struct address_entry *address_table__find(const struct address_table *table, uint64_t address)
{
	struct address_entry *slot;

	if (!table->cnt)
		return NULL;
	slot = find_slot(table, address);
	return slot->address ? slot : NULL;
}

static int grow(struct address_table *table)
{
	size_t slot_cnt = table->slot_cnt ? table->slot_cnt * 2 : SLOTS_INITIAL;
	struct address_entry *slots = account__calloc(table->account, slot_cnt, sizeof(*slots));
	struct address_table grown = *table;

	if (!slots)
		return -errno;
	grown.slots = slots;
	grown.slot_cnt = slot_cnt;
	for (size_t i = 0; i < table->slot_cnt; i++)
		if (table->slots[i].address)
			*find_slot(&grown, table->slots[i].address) = table->slots[i];
	account__free(table->slots);
	*table = grown;
	return 0;
}

int address_table__put(struct address_table *table, const struct address_entry *entry)
{
	struct address_entry *slot;

	if ((table->cnt + 1) * 2 > table->slot_cnt) {
		int err = grow(table);

		if (err)
			return err;
	}
	slot = find_slot(table, entry->address);
	table->cnt += !slot->address;
	*slot = *entry;
	return 0;
}

void address_table__remove(struct address_table *table, struct address_entry *entry)
{
	size_t mask = table->slot_cnt - 1, hole = (size_t)(entry - table->slots);

	for (size_t at = (hole + 1) & mask; table->slots[at].address; at = (at + 1) & mask) {
		size_t home = home_of(table, table->slots[at].address);

		/* It may move up if its home is not between the hole and where it is. */
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		table->slots[hole] = table->slots[at];
		hole = at;
	}
	table->slots[hole] = (struct address_entry){};
	table->cnt--;
}

size_t address_table__filter(struct address_table *table,
			     bool (*keep)(struct address_entry *entry, void *context),
			     void *context)
{
	size_t before = table->cnt;

	for (size_t i = 0; i < table->slot_cnt;) {
		struct address_entry *entry = &table->slots[i];

		if (!entry->address || keep(entry, context))
			i++;
		else /* what comes into the slot is looked at next */
			address_table__remove(table, entry);
	}
	return before - table->cnt;
}
