/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of a heap's objects, found from the objects: a word is a type if what it points to has
 * a type that is itself a type of types, and looks like one in the rest. No symbol is needed, and
 * extension types and classes are found as the built-in ones are.
 */
#pragma once

#include <stdint.h>

#include "census/type.h"
#include "target/memory.h"

/* Numbers that are none. */
#define TYPE_NONE   UINT32_MAX	     /* what is there is no type */
#define TYPE_UNSEEN (UINT32_MAX - 1) /* nobody has looked */

struct type_table;

/*
 * More types are refused: their numbers have to fit into a kind (block_kind.h), and what they take
 * is bounded.
 */
#define TYPES_MAX (1UL << 20)

/* Returns 0 or -ENOMEM; the caller frees it. @memory must outlive it. */
int type_table__new(struct type_table **out, const struct memory *memory);
void type_table__free(struct type_table *table);
void type_table__freep(struct type_table **table);

/* The number of the type at @address, or one of the above. */
uint32_t type_table__find(const struct type_table *table, uint64_t address);

/* Notes that type_table__resolve() is to look at @address. Returns 0 or -ENOMEM. */
int type_table__note(struct type_table *table, uint64_t address);

/*
 * Looks at what was noted: nothing is TYPE_UNSEEN of that then. 0, -ENOMEM or as
 * memory__read_ranges().
 */
int type_table__resolve(struct type_table *table);

/* Gives a type another name, which is copied. Returns 0, -ENOMEM or -EDQUOT. */
int type_table__rename(struct type_table *table, uint32_t number, const char *name);

/* The type that @type is derived from; NULL: none, or not known. */
const struct type *type_table__base(const struct type_table *table, const struct type *type);

/* The number of the type of Python's own that has this name; or TYPE_NONE. */
uint32_t type_table__built_in(const struct type_table *table, const char *name);

/* The types, by their numbers: 0 up to type_table__cnt(). */
const struct type *type_table__at(const struct type_table *table, uint32_t number);
uint32_t type_table__cnt(const struct type_table *table);

/*
 * So many types were refused: their sizes or offsets cannot be true (type_sizes.h), there are more
 * than TYPES_MAX, or the chain of their metatypes is too long.
 */
uint64_t type_table__refused_cnt(const struct type_table *table);
