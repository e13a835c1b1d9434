/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of a heap's objects, found from the objects: a word is a type if what it points to has
 * a type that is itself a type of types, and looks like one in the rest. No symbol is needed, and
 * extension types and classes are found as the built-in ones are.
 *
 * Layout: struct _typeobject, Include/cpython/object.h (2.7: Include/object.h); the members used
 * here have had the same places since 2.7.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"

/* Py_TPFLAGS_*, Include/object.h */
#define TYPE_INLINE_VALUES    (1UL << 2) /* 3.13 on */
#define TYPE_MANAGED_WEAKREF  (1UL << 3) /* 3.12 on */
#define TYPE_MANAGED_DICT     (1UL << 4) /* 3.11 on */
#define TYPE_HEAPTYPE	      (1UL << 9)
#define TYPE_READY	      (1UL << 12)
#define TYPE_HAVE_GC	      (1UL << 14)
#define TYPE_LONG_SUBCLASS    (1UL << 24)
#define TYPE_LIST_SUBCLASS    (1UL << 25)
#define TYPE_TUPLE_SUBCLASS   (1UL << 26)
#define TYPE_BYTES_SUBCLASS   (1UL << 27)
#define TYPE_UNICODE_SUBCLASS (1UL << 28)
#define TYPE_DICT_SUBCLASS    (1UL << 29)
#define TYPE_TYPE_SUBCLASS    (1UL << 31)

/* Whether an object could be at @address, as far as the number itself says. */
static inline bool could_be_object(uint64_t address)
{
	return address % 8 == 0 && address >= 4096 && address < 1UL << 56;
}

struct type {
	uint64_t address;
	uint64_t flags;
	uint64_t metatype;		/* the type's own type */
	uint64_t basic_size, item_size; /* bytes */
	uint64_t dict;	  /* tp_dict; 0: in 3.12 and later those of built-in types are elsewhere */
	uint64_t base;	  /* tp_base; 0: none */
	uint64_t members; /* tp_members: PyMemberDef[], up to one without a name; 0: none */
	bool has_get;	  /* tp_descr_get: found in a class, its instances are not what one gets */
	/* tp_weaklistoffset: what is there is no reference; 0 or less: nowhere. */
	int64_t weak_offset;
	int64_t dict_offset; /* tp_dictoffset: where an instance points to its dict; 0: nowhere */
	uint64_t name_at;    /* of the bytes of tp_name */
	bool is_set;	     /* set or frozenset themselves */
	bool is_weakref;     /* weakref itself */
	bool is_deque;	     /* collections.deque itself */
	bool is_frame;	     /* frame itself */
	/* Its items are not counted where PyVarObject has its count: a generator's are a frame. */
	bool is_generator;
	/* tp_name: of a built-in or extension type with its module, of a class without. */
	char *name;
};

/* Where a type points to its dict, and to its bases. */
#define TYPE_DICT_OFFSET  264
#define TYPE_BASES_OFFSET 336

/* Numbers that are none. */
#define TYPE_NONE   UINT32_MAX	     /* what is there is no type */
#define TYPE_UNSEEN (UINT32_MAX - 1) /* nobody has looked */

struct type_table;

/*
 * More types are refused: their numbers have to fit into a kind (census.h), and what they take is
 * bounded.
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
