/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strings, each held once and known by a number. Numbers are given in order, from 0 on. A table
 * that is all zero is an empty one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/id_table.h"

struct string_table {
	char **texts; /* by number; owned */
	size_t cnt, capacity;
	struct id_table ids; /* all memory comes from its account; is needed to add and find only */
};

/* The number of @text, or ID_TABLE_NONE. */
uint32_t string_table__find(const struct string_table *table, const char *text);

/*
 * Sets *number to that of @text, which is copied if it is new. Returns 1 if it is, else 0; -EDQUOT
 * or -ENOMEM, and nothing has changed.
 */
int string_table__add(struct string_table *table, const char *text, uint32_t *number);

/* Releases what the table holds; it is an empty one then, of the same account. */
void string_table__release(struct string_table *table);
