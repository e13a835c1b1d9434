/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of a dict, read from outside.
 *
 * Layouts: Include/dictobject.h (2.7: an open table of hash, key, value), Objects/dict-common.h
 * (3.6 to 3.10: indices, then entries in their order), Include/internal/pycore_dict.h (3.11 on: the
 * same with a kind: entries with a hash, or without one where all keys are str). Instances may
 * share their keys; then the values are beside them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"

/* More are not read. */
#define DICT_ENTRIES_MAX (1UL << 22)

enum dict_layout {
	DICT_OF_TABLE,	      /* 2.7 */
	DICT_OF_ENTRIES,      /* 3.6 to 3.10 */
	DICT_OF_KINDS,	      /* 3.11 and 3.12 */
	DICT_OF_SIZED_VALUES, /* 3.13 on: the same, and values begin with their sizes */
};

struct dict_entry {
	uint64_t key, value; /* objects; the value is not NULL */
};

enum dict_layout dict_layout__of_version(int major, int minor);

/* Where the entries of a dict are. */
struct dict_keys {
	uint64_t entries; /* address of the first */
	size_t cnt;	  /* used or not */
	uint32_t words; /* of an entry: key and value, and a hash before them if there are three */
};

/* What of a PyDictObject or a PyDictKeysObject has to be read to know where the entries are. */
#define DICT_HEADER_BYTES 48
#define KEYS_HEADER_BYTES 40

/*
 * Both return 0 or -EINVAL: it is inconsistent. @header: a copy of the PyDictObject, in
 * DICT_OF_TABLE; of the PyDictKeysObject, which is at @address, in the others.
 */
int dict_keys__of_table(struct dict_keys *out, const void *header);
int dict_keys__decode(struct dict_keys *out, enum dict_layout layout, uint64_t address,
		      const void *header);

/*
 * Whether @bytes, a copy of @size bytes of a block, are a PyDictKeysObject of those that Python
 * keeps when they are freed: for five entries, and from 3.11 on for keys that are str
 * (free_keys_object(), Objects/dictobject.c). Its reference count may be any.
 */
bool dict_keys__can_be_kept(enum dict_layout layout, const uint8_t *bytes, size_t size);

/*
 * Of a PyDictObject, not in DICT_OF_TABLE: where its keys are, and where its values, 0 if beside
 * the keys.
 */
void dict_header__decode(const void *header, enum dict_layout layout, uint64_t *keys,
			 uint64_t *values);

/* Where the first value is of those that an instance has at @values. */
uint64_t dict_values__first(enum dict_layout layout, uint64_t values);

/*
 * The entries of the dict at @address, in its order; the caller frees *out. *room is how many
 * entries may be read, used or not, of all dicts that a caller reads: thousands of types may claim
 * the same dict of millions of entries. Returns 0, -EINVAL if that is no dict (or was changed
 * meanwhile), -E2BIG above *room or DICT_ENTRIES_MAX, -EFAULT, -ENOMEM or as memory__read(); *room
 * has shrunk after 0 only.
 */
int dict__read(struct dict_entry **out, size_t *cnt, const struct memory *memory,
	       enum dict_layout layout, uint64_t address, uint64_t *room);
