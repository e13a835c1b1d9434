/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A type of the target, as far as the census needs it.
 *
 * Layout: struct _typeobject, Include/cpython/object.h (2.7: Include/object.h); the members used
 * here have had the same offsets since 2.7.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

/* Whether an object could be at @address, judging by the number alone. */
static inline bool could_be_object(uint64_t address)
{
	return address % 8 == 0 && address >= 4096 && address < 1UL << 56;
}

/* A longer tp_name is cut, and ends with PY_STRING_CUT (py_string.h). */
#define TYPE_NAME_BYTES_MAX 512

struct type {
	uint64_t address;
	uint64_t flags;
	uint64_t metatype;		/* the type's own type */
	uint64_t basic_size, item_size; /* bytes */
	uint64_t dict;			/* tp_dict; 0: elsewhere, for built-in types from 3.12 on */
	uint64_t base;			/* tp_base; 0: none */
	uint64_t members; /* tp_members: PyMemberDef[], ended by one without a name; 0: none */
	bool has_get;	  /* has tp_descr_get: its instances are descriptors */
	/* tp_weaklistoffset: the word there is not a reference; 0 or less: none. */
	int64_t weak_offset;
	int64_t dict_offset; /* tp_dictoffset: of the pointer to an instance's dict; 0: none */
	uint64_t name_at;    /* address of the bytes of tp_name */
	bool is_set;	     /* set or frozenset, not a subclass */
	bool is_weakref;     /* weakref, not a subclass */
	bool is_deque;	     /* collections.deque, not a subclass */
	bool is_frame;	     /* frame, not a subclass */
	/* ob_size is not its number of items: the items of a generator are a frame. */
	bool is_generator;
	bool name_has_dot; /* tp_name contains a dot */
	/*
	 * tp_name, which includes the module for built-in and extension types only. It is cut at
	 * TYPE_NAME_BYTES_MAX, may be empty, and may contain control characters. A census replaces
	 * it by the full name (type_name.h).
	 */
	char *name;
};

/* Whether it is a built-in or extension type of this name, not a class. */
static inline bool type__is_built_in(const struct type *type, const char *name)
{
	return !(type->flags & TYPE_HEAPTYPE) && !strcmp(type->name, name);
}

/* Offsets of a type's pointers to its dict and to its bases. */
#define TYPE_DICT_OFFSET  264
#define TYPE_BASES_OFFSET 336
