/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strings, each stored once and identified by a number. Numbers are assigned in order, starting at
 * 0. Initialize with zeros.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/id_table.h"

struct string_table {
	char **texts; /* indexed by number; owned */
	size_t cnt, capacity;
	struct id_table ids; /* its account pays for all memory; only needed to add and find */
};

/* The number of @text, or ID_TABLE_NONE. */
uint32_t string_table__find(const struct string_table *table, const char *text);

/*
 * Sets *number to the number of @text, which is copied if it is new. Returns 1 if it is new, else
 * 0; or -EDQUOT or -ENOMEM, and then nothing has changed.
 */
int string_table__add(struct string_table *table, const char *text, uint32_t *number);

/* Frees the content. The table is then empty, with the same account. */
void string_table__release(struct string_table *table);
