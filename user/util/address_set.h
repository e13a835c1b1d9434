/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which addresses have been visited. A list in a target may lead back into itself: who follows one
 * asks here at each step, and ends at what was there before. A set that is all zero is an empty
 * one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/id_table.h"

struct address_set {
	uint64_t *addresses;
	size_t cnt, capacity;
	struct id_table ids; /* of @addresses, by their places; all comes from its account */
};

/* Returns 1 if @address was not in the set, and is now; 0 if it was; -EDQUOT or -ENOMEM. */
int address_set__add(struct address_set *set, uint64_t address);

/* Releases what the set holds; it is an empty one then. */
void address_set__release(struct address_set *set);
