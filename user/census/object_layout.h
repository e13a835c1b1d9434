/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What precedes an object in its block, and what an object begins with. Both differ between
 * versions, and between types of one version.
 *
 * From the start of a block: what the debug hooks put there (Objects/obmalloc.c); two words for a
 * managed dict and for weak references (3.11 and later; _PyType_PreHeaderSize(),
 * Include/internal/pycore_object.h); PyGC_Head (Include/objimpl.h, Include/internal/pycore_gc.h);
 * the object.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "census/object_copy.h"
#include "census/type.h"

/*
 * Offsets of a list's pointer to its items, and of a set's to its table
 * (Include/cpython/listobject.h, Include/setobject.h).
 */
#define LIST_ITEMS 24
#define SET_TABLE  40

/* For a managed dict and for weak references. */
#define PRE_HEADER_BYTES 16

struct object_layout {
	uint32_t debug_bytes;	   /* of the debug hooks, at the start; 0 without hooks */
	uint32_t gc_head_bytes;	   /* of PyGC_Head, for types that support garbage collection */
	uint64_t pre_header_flags; /* type flags: objects with any of them have a pre-header */
	/* Bits that are 0 in a reference count; a pointer has some of them set. */
	uint64_t refcnt_zeros;
	uint64_t refcnt_bits;	/* bits of an object's first word that hold the count */
	uint32_t gc_refs_shift; /* up to 3.7: how far gc_refs, the third word, is shifted */
	bool has_gc_refs;
	bool frame_has_count; /* up to 3.10: a frame object is a PyVarObject */
	bool dict_has_table;  /* 2.7: ma_table in place of ma_keys and ma_values */
	/*
	 * How an object on a free list points to the next: with the word that held its count;
	 * floats: with the word that held their type.
	 */
	bool linked_by_count, floats_linked_by_type;
};

/*
 * For @major.@minor, with blocks aligned to @alignment. Minor versions after the last
 * known one are treated like that one.
 */
struct object_layout object_layout__of_version(int major, int minor, uint32_t alignment,
					       bool debug_hooks);

/* The offset of an object from the start of its block, if its type has these flags. */
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

/* Whether the collector tracks the object whose PyGC_Head is at @head: gc.is_tracked(). */
bool object_layout__is_tracked(const struct object_layout *layout, const uint8_t *head);

/* Whether @head can be a PyGC_Head: pointers, with flags in some bits. */
bool object_layout__is_gc_head(const struct object_layout *layout, const uint8_t *head);

/* Whether @word can be a reference count. */
static inline bool object_layout__is_refcnt(const struct object_layout *layout, uint64_t word)
{
	return !(word & layout->refcnt_zeros);
}

/*
 * Whether instances of a type with these flags have a dict, or only its values, managed by Python.
 */
static inline bool object_layout__has_managed_dict(const struct object_layout *layout,
						   uint64_t type_flags)
{
	/* The bit has another meaning in older versions. */
	return type_flags & layout->pre_header_flags & TYPE_MANAGED_DICT;
}

/* Whether objects of @type have their number of items in ob_size, as a PyVarObject has. */
bool object_layout__has_item_count(const struct object_layout *layout, const struct type *type);

/*
 * The offset in an object of @type of the pointer to its dict. A managed dict's pointer is in front
 * of the object, so its offset is negative, and has its lowest bit set if it points to values
 * (3.12). 0 if there is no dict, or the pointer is not in the copy.
 */
int64_t object_layout__dict_at(const struct object_layout *layout, const struct type *type,
			       const struct object_copy *object);
