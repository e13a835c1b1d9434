/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy of an object, of limited size. How long the object is, and where its members are, is
 * determined by its type, which is data of the target. So a copy is only read through these
 * functions, which return nothing from outside of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/checked.h"
#include "util/word.h"

struct object_copy {
	uint64_t address; /* of the object */
	uint32_t type;	  /* number of the type */
	const uint8_t *bytes;
	uint32_t before; /* bytes in front of @bytes that were copied, too */
	size_t size;	 /* of the copy, from @bytes on */
};

/*
 * The @size bytes at offset @at of the object, which is negative in front of it; NULL if the copy
 * does not contain all of them.
 */
static inline const uint8_t *object_copy__part(const struct object_copy *copy, int64_t at,
					       size_t size)
{
	int64_t offset;

	if (!checked_add_signed(at, copy->before, &offset) ||
	    !signed_part_is_within(offset, size, copy->before + copy->size))
		return NULL;
	return copy->bytes + at;
}

/* The word at offset @at; 0, a reference to nothing, if the copy does not contain it. */
static inline uint64_t object_copy__word(const struct object_copy *copy, int64_t at)
{
	const uint8_t *part = object_copy__part(copy, at, sizeof(uint64_t));

	return part ? word_at(part) : 0;
}
