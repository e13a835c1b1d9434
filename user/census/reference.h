/* SPDX-License-Identifier: BSD-2-Clause */
/* A reference from one object to another, and the function that receives those found. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

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

/*
 * Called for each reference of the object number @owner. Returns 0, or an error, which ends the
 * search.
 */
typedef int refer_fn(void *context, uint32_t owner, const struct reference *reference);

/* Receives references. */
struct reference_visitor {
	refer_fn *refer;
	void *context;
};

/* Passes a reference on, unless @to is 0. Returns what refer() does. */
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
