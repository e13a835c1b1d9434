/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names that a type has for places in its objects: its tp_members and those of its bases,
 * __slots__ among them. Layout: struct PyMemberDef, Include/structmember.h (from 3.12 on
 * Include/descrobject.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "census/census.h"

/*
 * The name of the reference @offset bytes into objects of @type; NULL: it has none. The caller
 * frees *out. Returns 0, -ENOMEM or as memory__read().
 */
int members__name(char **out, const struct census *census, const struct type *type,
		  uint32_t offset);

/*
 * Whether objects of @type hold nothing but references that their type has names for: __slots__
 * only. *room is how many lists of members may still be read: when there is no more, the answer is
 * no. Returns 0 or as memory__read().
 */
int members__are_all(const struct census *census, const struct type *type, uint32_t *room,
		     bool *are_all);
