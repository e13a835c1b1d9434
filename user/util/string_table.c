// SPDX-License-Identifier: BSD-2-Clause
#include "util/string_table.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/hash.h"

static bool is_text(const void *owner, uint32_t id, const void *key)
{
	return !strcmp(((const struct string_table *)owner)->texts[id], key);
}

static uint32_t find(const struct string_table *table, const char *text, uint64_t hash)
{
	return id_table__find(&table->ids, hash, is_text, table, text);
}

uint32_t string_table__find(const struct string_table *table, const char *text)
{
	return find(table, text, hash__bytes(text, strlen(text)));
}

int string_table__add(struct string_table *table, const char *text, uint32_t *number)
{
	uint64_t hash = hash__bytes(text, strlen(text));
	struct account *account = table->ids.map.account;
	_cleanup_account_free_ char *copy = NULL;
	uint32_t id = find(table, text, hash);
	int err;

	if (id != ID_TABLE_NONE) {
		*number = id;
		return 0;
	}
	err = ACCOUNT_RESERVE(account, table->texts, table->capacity, table->cnt + 1);
	if (err)
		return err;
	copy = account__strdup(account, text);
	if (!copy)
		return -errno;
	err = id_table__add(&table->ids, hash, table->cnt);
	if (err)
		return err;
	*number = (uint32_t)table->cnt;
	table->texts[table->cnt++] = TAKE_PTR(copy);
	return 1;
}

void string_table__release(struct string_table *table)
{
	for (size_t i = 0; i < table->cnt; i++)
		account__free(table->texts[i]);
	account__free((void *)table->texts);
	id_table__release(&table->ids);
	table->texts = NULL;
	table->cnt = table->capacity = 0;
}
