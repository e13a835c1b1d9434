/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which object a block belongs to that holds none: the first one found to point into it, or into a
 * block that does (a list of blocks hangs on one object, as a deque's do). Where a layout is known
 * the pointer's place says what it is; else any word of the object will do.
 */
#pragma once

#include "census/census.h"

/* Makes BLOCK_BUFFER of those BLOCK_UNKNOWN that something points into. As census__take(). */
int buffers__attribute(struct census *census);
