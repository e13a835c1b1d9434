/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether pymalloc's blocks carry the debug hooks' frame (PYTHONMALLOC=debug, --with-pydebug), seen
 * from the blocks themselves: 8 bytes of size, the letter of the API, seven forbidden bytes.
 * Source: _PyMem_DebugRawAlloc() in Objects/obmalloc.c; the byte is 0xfb up to 3.7, 0xfd from 3.8.
 */
#pragma once

#include <stdbool.h>

#include "heap/heap.h"
#include "target/memory.h"

/* Looks at some live blocks. Returns 0 or negative errno. */
int debug_hooks__detect(const struct heap *heap, const struct memory *memory, bool *present);
