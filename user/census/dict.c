// SPDX-License-Identifier: BSD-2-Clause
#include "census/dict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "util/cleanup.h"

struct dict_object {
	uint64_t refcnt, type, used;
	uint64_t version;
	uint64_t keys;
	uint64_t values;
};

struct old_dict_object {
	uint64_t refcnt, type, fill, used, mask, table;
};

/* PyDictKeysObject */
struct entries_keys {
	uint64_t refcnt, size, lookup, usable, entry_cnt;
};

struct kinds_keys {
	uint64_t refcnt;
	uint8_t log2_size, log2_index_bytes, kind, unused;
	uint32_t version;
	uint64_t usable, entry_cnt;
};

enum keys_kind {
	KEYS_GENERAL,
	KEYS_UNICODE,
	KEYS_SPLIT,
};

#define LOG2_INDEX_BYTES_MAX 40
/* PyDict_MINSIZE, and USABLE_FRACTION() of that */
#define LEAST_SIZE	8
#define LEAST_LOG2_SIZE 3
#define LEAST_ENTRIES	5
/* Header of the values: capacity, size, embedded, valid. */
#define VALUE_SIZES_BYTES 8

_Static_assert(sizeof(struct dict_object) <= DICT_HEADER_BYTES, "what is read of a dict");
_Static_assert(sizeof(struct old_dict_object) <= DICT_HEADER_BYTES, "what is read of a dict");
_Static_assert(sizeof(struct entries_keys) <= KEYS_HEADER_BYTES, "what is read of keys");
_Static_assert(sizeof(struct kinds_keys) <= KEYS_HEADER_BYTES, "what is read of keys");

enum dict_layout dict_layout__of_version(int major, int minor)
{
	if (major < 3)
		return DICT_OF_TABLE;
	if (minor < 11)
		return DICT_OF_ENTRIES;
	return minor < 13 ? DICT_OF_KINDS : DICT_OF_SIZED_VALUES;
}

static uint64_t index_size(uint64_t size)
{
	if (size <= 0xff)
		return 1;
	if (size <= 0xffff)
		return 2;
	return size <= 0xffffffff ? 4 : 8;
}

static int decode_entries(struct dict_keys *out, uint64_t address, const void *header)
{
	uint64_t before, entries;
	struct entries_keys keys;

	memcpy(&keys, header, sizeof(keys));
	if (!keys.size || keys.size & (keys.size - 1) || keys.entry_cnt > keys.size ||
	    !checked_item(sizeof(keys), keys.size, index_size(keys.size), &before) ||
	    !checked_add(address, before, &entries))
		return -EINVAL;
	*out = (struct dict_keys){.entries = entries, .cnt = keys.entry_cnt, .words = 3};
	return 0;
}

static int decode_kinds(struct dict_keys *out, uint64_t address, const void *header)
{
	struct kinds_keys keys;
	uint64_t entries;

	memcpy(&keys, header, sizeof(keys));
	if (keys.kind > KEYS_SPLIT || keys.log2_index_bytes > LOG2_INDEX_BYTES_MAX ||
	    keys.log2_size > keys.log2_index_bytes || keys.entry_cnt >> keys.log2_size ||
	    !checked_add(address, sizeof(keys) + (1UL << keys.log2_index_bytes), &entries))
		return -EINVAL;
	*out = (struct dict_keys){.entries = entries,
				  .cnt = keys.entry_cnt,
				  .words = keys.kind == KEYS_GENERAL ? 3 : 2};
	return 0;
}

int dict_keys__decode(struct dict_keys *out, enum dict_layout layout, uint64_t address,
		      const void *header)
{
	return layout == DICT_OF_ENTRIES ? decode_entries(out, address, header)
					 : decode_kinds(out, address, header);
}

/* Whether each byte is the index of an entry, DKIX_EMPTY (-1) or DKIX_DUMMY (-2). */
static bool are_indices(const uint8_t *bytes)
{
	for (int i = 0; i < LEAST_SIZE; i++)
		if ((int8_t)bytes[i] < -2 || (int8_t)bytes[i] >= LEAST_ENTRIES)
			return false;
	return true;
}

bool dict_keys__can_be_kept(enum dict_layout layout, const uint8_t *bytes, size_t size)
{
	uint64_t usable, entry_cnt;
	struct entries_keys plain;
	struct kinds_keys kinds;
	size_t header_bytes;

	if (layout == DICT_OF_TABLE || size < KEYS_HEADER_BYTES + LEAST_SIZE)
		return false;
	if (layout == DICT_OF_ENTRIES) {
		memcpy(&plain, bytes, sizeof(plain));
		if (plain.size != LEAST_SIZE || !plain.lookup)
			return false;
		usable = plain.usable;
		entry_cnt = plain.entry_cnt;
		header_bytes = sizeof(plain);
	} else {
		memcpy(&kinds, bytes, sizeof(kinds));
		if (kinds.kind != KEYS_UNICODE || kinds.log2_size != LEAST_LOG2_SIZE ||
		    kinds.log2_index_bytes != LEAST_LOG2_SIZE)
			return false;
		usable = kinds.usable;
		entry_cnt = kinds.entry_cnt;
		header_bytes = sizeof(kinds);
	}
	return usable <= LEAST_ENTRIES && entry_cnt <= LEAST_ENTRIES - usable &&
	       are_indices(bytes + header_bytes);
}

int dict_keys__of_table(struct dict_keys *out, const void *header)
{
	struct old_dict_object dict;

	memcpy(&dict, header, sizeof(dict));
	if (dict.mask & (dict.mask + 1) || dict.used > dict.mask || dict.fill > dict.mask)
		return -EINVAL;
	*out = (struct dict_keys){.entries = dict.table, .cnt = dict.mask + 1, .words = 3};
	return 0;
}

uint64_t dict_values__first(enum dict_layout layout, uint64_t values)
{
	return layout == DICT_OF_SIZED_VALUES ? values + VALUE_SIZES_BYTES : values;
}

void dict_header__decode(const void *header, enum dict_layout layout, uint64_t *keys,
			 uint64_t *values)
{
	struct dict_object dict;

	memcpy(&dict, header, sizeof(dict));
	*keys = dict.keys;
	*values = dict.values ? dict_values__first(layout, dict.values) : 0;
}

static int read_keys(struct dict_keys *out, const struct memory *memory, enum dict_layout layout,
		     uint64_t address)
{
	uint8_t header[KEYS_HEADER_BYTES];
	int err = memory__read(memory, address, header, sizeof(header));

	return err ? err : dict_keys__decode(out, layout, address, header);
}

/*
 * Copies the pairs of @keys. @values_at: the address of the values if they are not stored next to
 * their keys, else 0.
 */
static int read_pairs(struct dict_entry **out, size_t *cnt, const struct memory *memory,
		      const struct dict_keys *keys, uint64_t values_at)
{
	_cleanup_account_free_ uint64_t *entries = NULL, *values = NULL;
	struct dict_entry *pairs;
	size_t found = 0;
	int err;

	if (keys->cnt > DICT_ENTRIES_MAX)
		return -E2BIG;
	entries = account__alloc(memory->account, (keys->cnt + 1) * keys->words * sizeof(*entries));
	if (entries)
		values = account__alloc(memory->account, (keys->cnt + 1) * sizeof(*values));
	if (!values)
		return -errno;
	err = keys->cnt ? memory__read(memory, keys->entries, entries,
				       keys->cnt * keys->words * sizeof(*entries))
			: 0;
	if (!err && values_at && keys->cnt)
		err = memory__read(memory, values_at, values, keys->cnt * sizeof(*values));
	if (err)
		return err;
	pairs = account__alloc(memory->account, (keys->cnt + 1) * sizeof(*pairs));
	if (!pairs)
		return -errno;
	for (size_t i = 0; i < keys->cnt; i++) {
		const uint64_t *entry = &entries[(i + 1) * keys->words - 2];
		uint64_t value = values_at ? values[i] : entry[1];

		if (entry[0] && value)
			pairs[found++] = (struct dict_entry){.key = entry[0], .value = value};
	}
	*out = pairs;
	*cnt = found;
	return 0;
}

int dict__read(struct dict_entry **out, size_t *cnt, const struct memory *memory,
	       enum dict_layout layout, uint64_t address, uint64_t *room)
{
	uint8_t header[DICT_HEADER_BYTES];
	uint64_t at, values = 0;
	struct dict_keys keys;
	int err;

	err = memory__read(memory, address, header, sizeof(header));
	if (err)
		return err;
	if (layout == DICT_OF_TABLE) {
		err = dict_keys__of_table(&keys, header);
	} else {
		dict_header__decode(header, layout, &at, &values);
		err = read_keys(&keys, memory, layout, at);
	}
	if (!err && keys.cnt > *room)
		err = -E2BIG;
	if (!err)
		err = read_pairs(out, cnt, memory, &keys, values);
	if (!err)
		*room -= keys.cnt;
	return err;
}
