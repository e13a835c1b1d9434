/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy of an object, of limited size. How long the object is, and where in it something is, its
 * type says, and that is the target's word: so nothing is read of a copy but through these
 * functions, which give nothing for what is outside.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/word.h"
#include "util/checked.h"

struct object_copy {
	uint64_t address; /* of the object */
	uint32_t type;	  /* its number */
	const uint8_t *bytes;
	uint32_t before; /* bytes before @bytes that were copied, too */
	size_t size;	 /* of the copy, from @bytes on */
};

/*
 * Where @size bytes are, @at bytes into the object, or before it if negative; NULL: not all are in
 * the copy.
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

/* The word there; 0, which is a reference to nothing, where it is not in the copy. */
static inline uint64_t object_copy__word(const struct object_copy *copy, int64_t at)
{
	const uint8_t *part = object_copy__part(copy, at, sizeof(uint64_t));

	return part ? word_at(part) : 0;
}
