/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of visited addresses. A linked list in a target may contain a cycle; code that follows one
 * adds each address and stops at the first that is already in the set. A zero-initialized set is
 * empty.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/id_table.h"

struct address_set {
	uint64_t *addresses;
	size_t cnt, capacity;
	struct id_table ids; /* ids are indices into @addresses; its account pays for both */
};

/* Returns 1 if @address was added; 0 if it was already in the set; -EDQUOT or -ENOMEM. */
int address_set__add(struct address_set *set, uint64_t address);

/* Frees the memory of the set and leaves it empty. */
void address_set__release(struct address_set *set);
