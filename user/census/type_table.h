/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of a heap's objects, found through the objects. A word is the address of a type if what
 * it points to looks like a type, and its own type is a type of types. No symbols are needed, and
 * extension types and classes are found in the same way as built-in types.
 */
#pragma once

#include <stdint.h>

#include "census/type.h"
#include "target/memory.h"

/* Numbers that do not refer to a type. */
#define TYPE_NONE   UINT32_MAX	     /* the address is not that of a type */
#define TYPE_UNSEEN (UINT32_MAX - 1) /* the address has not been checked */

struct type_table;

/*
 * Further types are refused: a number has to fit into a kind (block_kind.h), and the memory for
 * types is limited.
 */
#define TYPES_MAX (1UL << 20)

/* @memory must outlive the table. Returns 0, -ENOMEM or -EDQUOT. The caller frees the table. */
int type_table__new(struct type_table **out, const struct memory *memory);
void type_table__free(struct type_table *table);
void type_table__freep(struct type_table **table);

/* The number of the type at @address, TYPE_NONE or TYPE_UNSEEN. */
uint32_t type_table__find(const struct type_table *table, uint64_t address);

/* Notes @address, to be checked by type_table__resolve(). Returns 0, -ENOMEM or -EDQUOT. */
int type_table__note(struct type_table *table, uint64_t address);

/*
 * Checks the noted addresses, so that none of them is TYPE_UNSEEN. Returns 0, -ENOMEM, -EDQUOT or
 * as memory__read_ranges().
 */
int type_table__resolve(struct type_table *table);

/* Gives a type another name, which is copied. Returns 0, -ENOMEM or -EDQUOT. */
int type_table__rename(struct type_table *table, uint32_t number, const char *name);

/* The base of @type; NULL if there is none or it is not known. */
const struct type *type_table__base(const struct type_table *table, const struct type *type);

/* The number of the built-in type of this name, or TYPE_NONE. */
uint32_t type_table__built_in(const struct type_table *table, const char *name);

/* The types, by number: 0 to type_table__cnt() - 1. */
const struct type *type_table__at(const struct type_table *table, uint32_t number);
uint32_t type_table__cnt(const struct type_table *table);

/*
 * The number of types that were refused: their names cannot be read or are not text; their sizes or
 * offsets cannot be true (type_sizes.h); there are more than TYPES_MAX; or the chain of their
 * metatypes is too long.
 */
uint64_t type_table__refused_cnt(const struct type_table *table);
