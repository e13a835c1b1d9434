/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc's malloc, behind the operations that all allocators share. A target has one such heap, for
 * all mallocs together: a process has one malloc for each libc that is loaded.
 */
#pragma once

#include "heap/allocator.h"
#include "malloc/mallocs.h"

extern const struct allocator glibc_malloc;

/*
 * What the last reading of the heap has found, valid until the next one, and as long as the image
 * of the heap; NULL: the heap is another allocator's, or could not be read.
 */
const struct mallocs *glibc_malloc__mallocs(const struct target_heap *target_heap);
