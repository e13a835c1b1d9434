/* SPDX-License-Identifier: BSD-2-Clause */
/* The allocators whose heaps pyfrag can read. */
#pragma once

#include "heap/allocator.h"

/*
 * NULL-terminated, in the order in which they look for heaps. For a target without any heap, the
 * first one's error is reported. The first one's heaps are read first; the first heap of all is the
 * one that contains Python's objects.
 */
extern const struct allocator *const allocators[];

/* Those of them whose changes can be followed by events, and which are read again and again. */
extern const struct allocator *const followed_allocators[];

/* The rest, whose heaps are read only now and then. */
extern const struct allocator *const unfollowed_allocators[];
