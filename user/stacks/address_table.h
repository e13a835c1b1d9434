/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of some addresses in the target: blocks that were sampled, pools whose taking was
 * seen. Open addressing; an entry that is taken out leaves no mark, those behind it move up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/account.h"

struct address_entry {
	uint64_t address; /* 0: an empty slot */
	uint64_t stamp;	  /* of the pool, when it was last looked at (pool__stamp()); 0: never */
	uint32_t stack;	  /* an index in the stack table */
	union {
		struct {
			uint16_t size; /* of a block, bytes */
			uint16_t step; /* of the sampling distance, when it was sampled */
		};
		uint32_t era; /* of a pool: so often may its going have been missed by then */
	};
};

struct address_table {
	struct address_entry *slots;
	size_t slot_cnt; /* a power of two, or 0 */
	size_t cnt;
	struct account *account; /* where its memory comes from; set before anything is put in */
};

/* It is an empty one then, of the same account. */
void address_table__release(struct address_table *table);

/* The entry of @address, or NULL. Good until something is put in or taken out. */
struct address_entry *address_table__find(const struct address_table *table, uint64_t address);

/* Puts in @entry, in place of what there was of its address. Returns 0, -EDQUOT or
 * -ENOMEM. */
int address_table__put(struct address_table *table, const struct address_entry *entry);

/*
 * Takes out the entries that @keep says no to; it may change those that stay. Returns how many
 * went.
 */
size_t address_table__filter(struct address_table *table,
			     bool (*keep)(struct address_entry *entry, void *context),
			     void *context);

/* Takes out @entry, which is one of the table's. The slot may then hold another one. */
void address_table__remove(struct address_table *table, struct address_entry *entry);
