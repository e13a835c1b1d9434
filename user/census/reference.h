/* SPDX-License-Identifier: BSD-2-Clause */
/* A reference from one object to another, and the callback that receives references. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How an object refers to another. */
enum reference_how {
	REFERS_BY_INDEX,     /* an item of a tuple, list or deque */
	REFERS_BY_KEY,	     /* the value of a dict's entry */
	REFERS_AS_KEY,	     /* the key of a dict's entry */
	REFERS_AS_ELEMENT,   /* of a set */
	REFERS_BY_ATTRIBUTE, /* of an instance without a dict */
	REFERS_AS_DICT,	     /* an instance's dict */
	REFERS_AS_TYPE,	     /* an object's type, if that is a heap type */
	REFERS_BY_WORD,	     /* any word of an object, which need not be a reference */
	REFERS_TO_BUFFER,    /* to a buffer of the object, not to another object */
};

/*
 * An index that stands for several references: any item, entry or element; or for a word whose
 * offset is not known.
 */
#define REFERENCE_ANY UINT32_MAX

struct reference {
	uint64_t to; /* an address */
	enum reference_how how;
	/* Position in the order of items, entries or elements; BY_WORD: the offset in bytes. */
	uint32_t index;
	uint64_t key; /* the address of: BY_KEY: the key; BY_ATTRIBUTE: the name */
};

/* Whether the reference may lead to any address in a block, and to a block without an object. */
static inline bool reference__is_loose(const struct reference *reference)
{
	return reference->how == REFERS_BY_WORD || reference->how == REFERS_TO_BUFFER;
}

/*
 * Called for each reference of object number @owner. Returns 0, or an error, which ends the search.
 */
typedef int refer_fn(void *context, uint32_t owner, const struct reference *reference);

struct reference_visitor {
	refer_fn *refer;
	void *context;
};

/* Passes a reference on, unless @to is 0. Returns what refer() returns. */
static inline int reference_visitor__visit(const struct reference_visitor *visitor, uint32_t owner,
					   enum reference_how how, uint64_t to, uint64_t index,
					   uint64_t key)
{
	const struct reference reference = {
		.to = to,
		.how = how,
		.index = (uint32_t)index,
		.key = key,
	};

	return to ? visitor->refer(visitor->context, owner, &reference) : 0;
}
