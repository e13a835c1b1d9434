/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names that a type has for places in its objects: its tp_members and those of its bases,
 * including __slots__. Layout: struct PyMemberDef, Include/structmember.h (from 3.12 on
 * Include/descrobject.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "census/census.h"

/*
 * Reads the name of the reference at @offset in objects of @type. *out is NULL if it has none. The
 * caller frees it. Returns 0, -ENOMEM or as memory__read().
 */
int members__name(char **out, const struct census *census, const struct type *type,
		  uint32_t offset);

/*
 * Whether objects of @type hold nothing but references that their type has names for: __slots__
 * only. *room is the number of member lists that may still be read; once it is used up, the answer
 * is no. Returns 0 or as memory__read().
 */
int members__are_all(const struct census *census, const struct type *type, uint32_t *room,
		     bool *are_all);
