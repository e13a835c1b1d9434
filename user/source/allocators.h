/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All allocators whose heaps pyfrag knows to read.
 */
#pragma once

#include "heap/allocator.h"

/*
 * In the order in which they are asked for heaps; the last one is followed by NULL. What the first
 * one says is what is reported of a target without any heap.
 */
extern const struct allocator *const allocators[];
