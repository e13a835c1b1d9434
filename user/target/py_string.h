/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names as Python keeps them: a str of PEP 393, of 1, 2 or 4 bytes a character; in 2.7 a str of
 * bytes. Sources: Include/cpython/unicodeobject.h, Include/bytesobject.h (2.7:
 * Include/stringobject.h).
 */
#pragma once

#include <stdint.h>

#include "pyfrag/py_offsets.h"
#include "target/memory.h"

#define PY_STRING_CHARACTERS_MAX 512   /* 2.7: bytes */
#define PY_STRING_CUT		 "..." /* ends what was longer */

/*
 * The text of the str at @address, as UTF-8; the caller frees it. What UTF-8 cannot say (lone
 * surrogates, which file names that are not UTF-8 have; in 2.7 any byte) becomes U+FFFD. Control
 * characters are left as they are, but for NUL.
 *
 * Returns 0, -EINVAL if that is no str: an unknown kind, an absurd length, a character that its
 * kind cannot have, or NUL; -EFAULT if it is not all readable, -ENOMEM, or as memory__read().
 */
int py_string__read(char **out, const struct memory *memory, const struct py_offsets *offsets,
		    uint64_t address);
