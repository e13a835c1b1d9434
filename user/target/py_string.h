/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads names as Python stores them: a str of PEP 393, with 1, 2 or 4 bytes per character; in 2.7 a
 * str of bytes. Sources: Include/cpython/unicodeobject.h, Include/bytesobject.h (2.7:
 * Include/stringobject.h).
 */
#pragma once

#include <stdint.h>

#include "pyfrag/py_offsets.h"
#include "target/memory.h"

#define PY_STRING_CHARACTERS_MAX 512   /* 2.7: bytes */
#define PY_STRING_CUT		 "..." /* ends a text that was longer */

/*
 * The text of the str at @address, as UTF-8; the caller frees it. What UTF-8 cannot represent (lone
 * surrogates, as in file names that are not UTF-8; in 2.7 any invalid byte) becomes U+FFFD. Control
 * characters are left as they are, except for NUL.
 *
 * Returns 0; -EINVAL if this is not a str: an unknown kind, an impossible length, a character that
 * its kind cannot have, or NUL; -EFAULT if not all of it is readable; -ENOMEM; or as
 * memory__read().
 */
int py_string__read(char **out, const struct memory *memory, const struct py_offsets *offsets,
		    uint64_t address);
