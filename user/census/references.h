/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an object refers to. Where the layout is known each reference is exact: tuples, lists,
 * dicts, sets, deques, the attributes of instances. Of all other objects every word is taken that
 * could be an address; who takes these has to see whether an object is there.
 *
 * Layouts: Include/cpython/tupleobject.h, listobject.h, frameobject.h, Include/setobject.h (2.7: an
 * entry's hash comes before its key), Modules/_collectionsmodule.c (deques), dict.h, and for
 * instances Include/internal/pycore_object.h, pycore_dict.h. Weak references are none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/census.h"
#include "census/object_copy.h"

/* How an object refers to another. */
enum reference_how {
	REFERS_BY_INDEX,     /* an item of a tuple, list or deque */
	REFERS_BY_KEY,	     /* the value of a dict's key */
	REFERS_AS_KEY,	     /* a dict's key itself */
	REFERS_AS_ELEMENT,   /* of a set */
	REFERS_BY_ATTRIBUTE, /* of an instance that has no dict */
	REFERS_AS_DICT,	     /* an instance's dict */
	REFERS_AS_TYPE,	     /* an object's type, if that is a class that was made at run time */
	REFERS_BY_WORD,	     /* at some place in the object: not known to be a reference */
	REFERS_TO_BUFFER,    /* not an object, but what belongs to this one */
};

struct reference {
	uint64_t to; /* an address */
	enum reference_how how;
	/* Which in the order of items, entries, elements; BY_WORD: the offset, bytes. */
	uint32_t index;
	uint64_t key; /* BY_KEY, BY_ATTRIBUTE: the address of the key, the name */
};

/* Whether it may lead to any place in a block, and to one that holds no object. */
static inline bool reference__is_loose(const struct reference *reference)
{
	return reference->how == REFERS_BY_WORD || reference->how == REFERS_TO_BUFFER;
}

/* More items of one object are left out. */
#define REFERENCES_MAX (1UL << 26)

struct references;

/*
 * Called for each reference of the object that @owner is the number of. Returns 0 or an error that
 * ends it.
 */
typedef int refer_fn(void *context, uint32_t owner, const struct reference *reference);

/* Both @census and @context must outlive it. Returns 0 or -ENOMEM; the caller frees it. */
int references__new(struct references **out, struct census *census, refer_fn *refer, void *context);
void references__free(struct references *references);
void references__freep(struct references **references);

/* How many bytes before an object may tell of it. */
#define OBJECT_BEFORE_BYTES 32

/*
 * Tells what an object refers to: what its copy shows at once, what lies elsewhere at the next
 * references__flush(). Returns 0, -ENOMEM, as memory__read() or as refer().
 */
int references__of(struct references *references, uint32_t owner, const struct object_copy *object);

/* Tells each word of what is no object, but may hold references. */
int references__scan(struct references *references, uint32_t owner, const uint8_t *bytes,
		     size_t size);

/* Reads what lies elsewhere, and tells of it. As above. */
int references__flush(struct references *references);

/*
 * Of so many objects some items were left out: they say that they have more than there is memory
 * for.
 */
uint64_t references__left_out(const struct references *references);
