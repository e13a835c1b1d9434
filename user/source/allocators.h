/* SPDX-License-Identifier: BSD-2-Clause */
/* All allocators whose heaps pyfrag can read. */
#pragma once

#include "heap/allocator.h"

/*
 * NULL-terminated, in the order in which they look for heaps. For a target without any heap, the
 * first one's error is reported.
 */
extern const struct allocator *const allocators[];
