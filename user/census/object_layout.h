/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies between the start of a block and the object in it, and what an object begins with. It
 * differs between versions, and between types of one version.
 *
 * From a block's address on: what the debug hooks put there (Objects/obmalloc.c); two words for a
 * managed dict and for weak references (3.11 and later; _PyType_PreHeaderSize(), Include/internal/
 * pycore_object.h); PyGC_Head (Include/objimpl.h, Include/internal/pycore_gc.h); the object.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "census/object_copy.h"
#include "census/type.h"

/*
 * Where a list points to its items, a set to its table (Include/cpython/listobject.h,
 * Include/setobject.h).
 */
#define LIST_ITEMS 24
#define SET_TABLE  40

/* For a managed dict and for weak references. */
#define PRE_HEADER_BYTES 16

struct object_layout {
	uint32_t debug_bytes;	   /* before all else; 0 without hooks */
	uint32_t gc_head_bytes;	   /* before objects that the collector knows */
	uint64_t pre_header_flags; /* of a type: any of them, and there are two words before that */
	/* Bits of an object's first word that are 0: a pointer there has some of them. */
	uint64_t refcnt_zeros;
	uint64_t refcnt_bits;	/* those that hold the count */
	uint32_t gc_refs_shift; /* up to 3.7: gc_refs, the third word, is shifted so far */
	bool has_gc_refs;
	bool frame_has_count; /* up to 3.10 a frame object is a PyVarObject */
	bool dict_has_table;  /* 2.7: ma_table in place of ma_keys and ma_values */
	/*
	 * What hangs on a free list points to the next: with the word of its count; with that of
	 * its type.
	 */
	bool parked_by_count, parked_floats_by_type;
};

/*
 * For @major.@minor, whose blocks are aligned to @alignment; any minor version beyond those known
 * is taken to be like the last of these.
 */
struct object_layout object_layout__of_version(int major, int minor, uint32_t alignment,
					       bool debug_hooks);

/* How far into its block an object lies whose type has these flags. */
static inline uint32_t object_layout__object_offset(const struct object_layout *layout,
						    uint64_t type_flags)
{
	uint32_t offset = layout->debug_bytes;

	if (type_flags & layout->pre_header_flags)
		offset += PRE_HEADER_BYTES;
	if (type_flags & TYPE_HAVE_GC)
		offset += layout->gc_head_bytes;
	return offset;
}

/* Whether the collector has an object on its lists whose PyGC_Head is at @head: gc.is_tracked(). */
bool object_layout__is_tracked(const struct object_layout *layout, const uint8_t *head);

/*
 * Whether what is at @head can be a PyGC_Head: pointers, with bits that say something of the
 * object.
 */
bool object_layout__is_gc_head(const struct object_layout *layout, const uint8_t *head);

/* Whether @word can be a reference count. */
static inline bool object_layout__is_refcnt(const struct object_layout *layout, uint64_t word)
{
	return !(word & layout->refcnt_zeros);
}

/*
 * Whether instances of a type with these flags have a dict, or just its values, that Python
 * manages.
 */
static inline bool object_layout__has_managed_dict(const struct object_layout *layout,
						   uint64_t type_flags)
{
	/* The bit meant something else before there were any. */
	return type_flags & layout->pre_header_flags & TYPE_MANAGED_DICT;
}

/* Whether objects of @type say, where PyVarObject does, how many items they have. */
bool object_layout__has_item_count(const struct object_layout *layout, const struct type *type);

/*
 * How far into an object of @type its pointer to its dict is: negative if that is managed, for then
 * it is before the object, and has its lowest bit set where it points to values (3.12); 0 if it has
 * none, or if that is not in the copy.
 */
int64_t object_layout__dict_at(const struct object_layout *layout, const struct type *type,
			       const struct object_copy *object);
