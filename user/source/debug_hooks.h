/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Detects from the blocks themselves whether they carry the header that CPython's debug hooks add
 * (PYTHONMALLOC=debug, --with-pydebug): 8 bytes of size, the letter of the API, seven forbidden
 * bytes. Source: _PyMem_DebugRawAlloc() in Objects/obmalloc.c; the forbidden byte is 0xfb up to
 * 3.7, 0xfd from 3.8.
 */
#pragma once

#include <stdbool.h>

#include "heap/allocator.h"
#include "heap/heap.h"
#include "target/memory.h"

/*
 * Examines a sample of live blocks of a heap that contains Python's objects. Returns 0 or negative
 * errno.
 */
int debug_hooks__detect(const struct heap *heap, const struct memory *memory, bool *present);

/* Finds out both for a heap that was read into @heap, and its name. Returns 0 or negative errno. */
int debug_hooks__settle(struct target_heap *target_heap, const struct heap *heap);
