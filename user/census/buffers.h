/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds out which object a block without an object belongs to: the first object found to point into
 * the block, or into a block that points into it. (The blocks of a deque form a list that belongs
 * to the deque.) Where the layout of the object is known, the position of the pointer says which
 * part of the object the block is; elsewhere any word of the object may be the pointer.
 */
#pragma once

#include "census/census.h"

/*
 * Changes each BLOCK_UNKNOWN that something points into to BLOCK_BUFFER, and each BLOCK_FREE_LISTED
 * that is certain to be a buffer. Returns as census__take() does.
 */
int buffers__attribute(struct census *census);
