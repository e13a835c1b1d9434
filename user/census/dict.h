/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the entries of a dict.
 *
 * Layouts: Include/dictobject.h (2.7: an open table of hash, key, value), Objects/dict-common.h
 * (3.6 to 3.10: indices, then entries in their order), Include/internal/pycore_dict.h (3.11 and
 * later: the same with a kind: entries with a hash, or without one where all keys are str).
 * Instances may share their keys; then each has its own array of values.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"

/* Larger dicts are not read. */
#define DICT_ENTRIES_MAX (1UL << 22)

enum dict_layout {
	DICT_OF_TABLE,	      /* 2.7 */
	DICT_OF_ENTRIES,      /* 3.6 to 3.10 */
	DICT_OF_KINDS,	      /* 3.11 and 3.12 */
	DICT_OF_SIZED_VALUES, /* 3.13 and later: the same, and values begin with their sizes */
};

struct dict_entry {
	uint64_t key, value; /* addresses of objects; the value is not NULL */
};

enum dict_layout dict_layout__of_version(int major, int minor);

/* Where the entries of a dict are. */
struct dict_keys {
	uint64_t entries; /* address of the first */
	size_t cnt;	  /* including unused ones */
	uint32_t words;	  /* of an entry: 2 for key and value, 3 with a hash in front */
};

/* How much of a PyDictObject or PyDictKeysObject has to be read to find the entries. */
#define DICT_HEADER_BYTES 48
#define KEYS_HEADER_BYTES 40

/*
 * Both decode @header: for DICT_OF_TABLE, a copy of the PyDictObject; otherwise a copy of the
 * PyDictKeysObject, which is at @address. They return 0, or -EINVAL if it is inconsistent.
 */
int dict_keys__of_table(struct dict_keys *out, const void *header);
int dict_keys__decode(struct dict_keys *out, enum dict_layout layout, uint64_t address,
		      const void *header);

/*
 * Whether @bytes, the first @size bytes of a block, look like a PyDictKeysObject that Python keeps
 * on a free list: one for five entries and, from 3.11 on, with keys of type str
 * (free_keys_object(), Objects/dictobject.c). The reference count is ignored.
 */
bool dict_keys__can_be_kept(enum dict_layout layout, const uint8_t *bytes, size_t size);

/*
 * Decodes a PyDictObject (not for DICT_OF_TABLE): the addresses of its keys and of its values.
 * *values is 0 if the values are stored next to the keys.
 */
void dict_header__decode(const void *header, enum dict_layout layout, uint64_t *keys,
			 uint64_t *values);

/* The address of the first value in an instance's values, which begin at @values. */
uint64_t dict_values__first(enum dict_layout layout, uint64_t values);

/*
 * Reads the entries of the dict at @address, in their order. The caller frees *out. *room is the
 * number of entries, used or not, that may still be read of all dicts together: thousands of types
 * may claim the same dict of millions of entries. Returns 0, -EINVAL if there is no dict (or it was
 * changed meanwhile), -E2BIG for more entries than *room or DICT_ENTRIES_MAX, -EFAULT, -ENOMEM,
 * -EDQUOT, or as memory__read(). *room is only reduced on success.
 */
int dict__read(struct dict_entry **out, size_t *cnt, const struct memory *memory,
	       enum dict_layout layout, uint64_t address, uint64_t *room);
