/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Describes a value in a few words, as Python's repr() does: texts, bytes, numbers, None.
 *
 * Layouts: Include/cpython/unicodeobject.h, bytesobject.h, Include/floatobject.h,
 * Include/longintrepr.h (from 3.12 on, the sign and the number of digits are in lv_tag; digits have
 * 30 bits), Include/intobject.h of 2.7.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "census/census.h"

/* As many characters of a text as py_string__read() returns. */
#define VALUE_WHOLE SIZE_MAX

/*
 * Describes the object at @address, whose type has the number @type. The caller frees *out. A text
 * is cut off after @characters_max characters and ends with "..." then. *out is NULL for other
 * types, and if the value cannot be read. Returns 0, -ENOMEM or as memory__read().
 */
int value__describe(char **out, const struct census *census, uint64_t address, uint32_t type,
		    size_t characters_max);
