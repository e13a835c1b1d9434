// SPDX-License-Identifier: BSD-2-Clause
#include "census/dict.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/cleanup.h"

struct dict_object {
	uint64_t refcnt, type, used;
	uint64_t version; /* 2.7: ma_mask */
	uint64_t keys;	  /* 2.7: ma_table, one word further on */
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
/* Before the values: capacity, size, embedded, valid. */
#define VALUE_SIZES_BYTES 8

/* Where the entries of a dict are, and how far apart. */
struct keys {
	uint64_t entries;
	size_t cnt;
	bool has_hash; /* each entry begins with it */
};

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

static int find_entries(struct keys *out, const struct memory *memory, uint64_t address)
{
	struct entries_keys keys;
	int err = memory__read(memory, address, &keys, sizeof(keys));

	if (err)
		return err;
	if (!keys.size || keys.size & (keys.size - 1) || keys.entry_cnt > keys.size)
		return -EINVAL;
	*out = (struct keys){.entries = address + sizeof(keys) + keys.size * index_size(keys.size),
			     .cnt = keys.entry_cnt,
			     .has_hash = true};
	return 0;
}

static int find_kinds(struct keys *out, const struct memory *memory, uint64_t address)
{
	struct kinds_keys keys;
	int err = memory__read(memory, address, &keys, sizeof(keys));

	if (err)
		return err;
	if (keys.kind > KEYS_SPLIT || keys.log2_index_bytes > LOG2_INDEX_BYTES_MAX ||
	    keys.log2_size > keys.log2_index_bytes || keys.entry_cnt >> keys.log2_size)
		return -EINVAL;
	*out = (struct keys){.entries = address + sizeof(keys) + (1UL << keys.log2_index_bytes),
			     .cnt = keys.entry_cnt,
			     .has_hash = keys.kind == KEYS_GENERAL};
	return 0;
}

static int find_keys(struct keys *out, const struct memory *memory, enum dict_layout layout,
		     uint64_t address)
{
	return layout == DICT_OF_ENTRIES ? find_entries(out, memory, address)
					 : find_kinds(out, memory, address);
}

/* Copies the pairs of @keys, with the values at @values if these are not beside their keys. */
static int read_pairs(struct dict_entry **out, size_t *cnt, const struct memory *memory,
		      const struct keys *keys, uint64_t values_at)
{
	size_t words = keys->has_hash ? 3 : 2, found = 0;
	_cleanup_free_ uint64_t *entries = NULL, *values = NULL;
	struct dict_entry *pairs;
	int err;

	if (keys->cnt > DICT_ENTRIES_MAX)
		return -E2BIG;
	entries = malloc((keys->cnt + 1) * words * sizeof(*entries));
	values = malloc((keys->cnt + 1) * sizeof(*values));
	if (!entries || !values)
		return -ENOMEM;
	err = keys->cnt ? memory__read(memory, keys->entries, entries,
				       keys->cnt * words * sizeof(*entries))
			: 0;
	if (!err && values_at && keys->cnt)
		err = memory__read(memory, values_at, values, keys->cnt * sizeof(*values));
	if (err)
		return err;
	pairs = malloc((keys->cnt + 1) * sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	for (size_t i = 0; i < keys->cnt; i++) {
		const uint64_t *entry = &entries[i * words + keys->has_hash];
		uint64_t value = values_at ? values[i] : entry[1];

		if (entry[0] && value)
			pairs[found++] = (struct dict_entry){.key = entry[0], .value = value};
	}
	*out = pairs;
	*cnt = found;
	return 0;
}

static uint64_t first_value(enum dict_layout layout, uint64_t values)
{
	return layout == DICT_OF_SIZED_VALUES ? values + VALUE_SIZES_BYTES : values;
}

static int read_table(struct dict_entry **out, size_t *cnt, const struct memory *memory,
		      uint64_t address)
{
	struct old_dict_object dict;
	int err = memory__read(memory, address, &dict, sizeof(dict));

	if (err)
		return err;
	if (dict.mask & (dict.mask + 1) || dict.used > dict.mask || dict.fill > dict.mask)
		return -EINVAL;
	return read_pairs(
		out, cnt, memory,
		&(struct keys){.entries = dict.table, .cnt = dict.mask + 1, .has_hash = true}, 0);
}

int dict__read(struct dict_entry **out, size_t *cnt, const struct memory *memory,
	       enum dict_layout layout, uint64_t address)
{
	struct dict_object dict;
	struct keys keys;
	int err;

	if (layout == DICT_OF_TABLE)
		return read_table(out, cnt, memory, address);
	err = memory__read(memory, address, &dict, sizeof(dict));
	if (!err)
		err = find_keys(&keys, memory, layout, dict.keys);
	if (err)
		return err;
	return read_pairs(out, cnt, memory, &keys,
			  dict.values ? first_value(layout, dict.values) : 0);
}

int dict__read_values(struct dict_entry **out, size_t *cnt, const struct memory *memory,
		      enum dict_layout layout, uint64_t keys_at, uint64_t values)
{
	struct keys keys;
	int err = find_keys(&keys, memory, layout, keys_at);

	if (err)
		return err;
	return read_pairs(out, cnt, memory, &keys, first_value(layout, values));
}
