/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of a dict, read from outside.
 *
 * Layouts: Include/dictobject.h (2.7: an open table of hash, key, value), Objects/dict-common.h (3.6 to 3.10:
 * indices, then entries in their order), Include/internal/pycore_dict.h (3.11 on: the same with a kind:
 * entries with a hash, or without one where all keys are str). Instances may share their keys; then the
 * values are beside them.
 */
#pragma once

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

/*
 * The entries of the dict at @address, in its order; the caller frees *out. Returns 0, -EINVAL if that is no
 * dict (or was changed meanwhile), -E2BIG above DICT_ENTRIES_MAX, -EFAULT, -ENOMEM or as memory__read().
 */
int dict__read(struct dict_entry **out, size_t *cnt, const struct memory *memory,
	       enum dict_layout layout, uint64_t address);

/*
 * As above, of an instance that has values and no dict: @keys is the address of the keys its class shares,
 * @values of the values.
 */
int dict__read_values(struct dict_entry **out, size_t *cnt, const struct memory *memory,
		      enum dict_layout layout, uint64_t keys, uint64_t values);
