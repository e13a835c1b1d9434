// SPDX-License-Identifier: BSD-2-Clause
#include "census/object_layout.h"

#include <string.h>

#include "census/type.h"

#define DEBUG_HOOK_BYTES  16
#define GC_REFS_UNTRACKED (-2)
/* Bits that are 0 in an address. The lowest bits of _gc_next and _gc_prev may be flags. */
#define ADDRESS_ZEROS (~0UL << 56)
/* PyVarObject's ob_size */
#define OB_SIZE_OFFSET 16
/* The third word before an object (Include/internal/pycore_object.h). */
#define MANAGED_DICT_OFFSET (-24)

/*
 * Up to 3.7, PyGC_Head has three words, in a union with a long double in 2.7 and in those later
 * releases that align blocks to 16 (bpo-27987), otherwise with a double. From 3.8 on it has two
 * words.
 */
static uint32_t gc_head_bytes(int major, int minor, uint32_t alignment)
{
	if (major == 3 && minor >= 8)
		return 16;
	return major < 3 || alignment == 16 ? 32 : 24;
}

static uint64_t pre_header_flags(int major, int minor)
{
	if (major < 3 || minor < 11)
		return 0;
	return minor < 12 ? TYPE_MANAGED_DICT : TYPE_MANAGED_DICT | TYPE_MANAGED_WEAKREF;
}

struct object_layout object_layout__of_version(int major, int minor, uint32_t alignment,
					       bool debug_hooks)
{
	struct object_layout layout = {
		.debug_bytes = debug_hooks ? DEBUG_HOOK_BYTES : 0,
		.gc_head_bytes = gc_head_bytes(major, minor, alignment),
		.pre_header_flags = pre_header_flags(major, minor),
		.has_gc_refs = major < 3 || minor < 8,
		.gc_refs_shift = major < 3 ? 0 : 1,
		.frame_has_count = major < 3 || minor < 11,
		.dict_has_table = major < 3,
		.linked_by_count = major == 3 && minor >= 14,
		.floats_linked_by_type = major == 3 && minor < 14 && !debug_hooks,
		/* A count is below 2^40: memory has no room for so many references. */
		.refcnt_zeros = ~0UL << 40,
		.refcnt_bits = ~0UL >> 24,
	};

	/* Include/refcount.h: uint32_t ob_refcnt; uint16_t ob_overflow, ob_flags */
	if (major == 3 && minor >= 14) {
		layout.refcnt_zeros = 0xffffUL << 32;
		layout.refcnt_bits = 0xffffffff;
	}
	return layout;
}

/*
 * Up to 3.7, gc_refs of an untracked object is _PyGC_REFS_UNTRACKED, shifted by one bit from 3.4
 * on. From 3.8 on, its _gc_next is 0.
 */
bool object_layout__is_tracked(const struct object_layout *layout, const uint8_t *head)
{
	int64_t refs;
	uint64_t next;

	memcpy(&next, head, sizeof(next));
	if (!layout->has_gc_refs)
		return next != 0;
	memcpy(&refs, head + 2 * sizeof(next), sizeof(refs));
	return refs >> layout->gc_refs_shift != GC_REFS_UNTRACKED;
}

/* Up to 3.7, the words of an untracked object are not initialized. */
bool object_layout__is_gc_head(const struct object_layout *layout, const uint8_t *head)
{
	uint64_t words[2];

	if (layout->has_gc_refs)
		return true;
	memcpy(words, head, sizeof(words));
	return !((words[0] | words[1]) & ADDRESS_ZEROS);
}

/* The size of an int also encodes its sign, or does not exist. */
bool object_layout__has_item_count(const struct object_layout *layout, const struct type *type)
{
	return type->item_size && !(type->flags & TYPE_LONG_SUBCLASS) && !type->is_generator &&
	       (layout->frame_has_count || !type->is_frame);
}

/*
 * A negative offset counts from the end of the object's items (_PyObject_GetDictPtr(),
 * Objects/object.c).
 */
static bool find_dict_behind_items(const struct type *type, const struct object_copy *object,
				   int64_t *at)
{
	uint64_t items = magnitude((int64_t)object_copy__word(object, OB_SIZE_OFFSET)), end;

	return checked_item(type->basic_size + 7, items, type->item_size, &end) &&
	       end <= INT64_MAX && checked_add_signed((int64_t)(end & ~7UL), type->dict_offset, at);
}

int64_t object_layout__dict_at(const struct object_layout *layout, const struct type *type,
			       const struct object_copy *object)
{
	int64_t at = type->dict_offset;

	if (object_layout__has_managed_dict(layout, type->flags))
		at = MANAGED_DICT_OFFSET;
	else if (at < 0 && !find_dict_behind_items(type, object, &at))
		return 0;
	return object_copy__part(object, at, sizeof(uint64_t)) ? at : 0;
}
