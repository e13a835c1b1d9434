/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types for which Python has a free list, and how many objects it keeps there at most.
 *
 * A block whose object has a reference count of 0 need not be on a free list: the object may have
 * been freed, and its memory released, between the reading of the heap and that of the block. The
 * allocators overwrite only the first words of a free block, where an object that supports garbage
 * collection has its PyGC_Head. So what its type cannot have on a free list was freed meanwhile; so
 * was what the collector seems to track, since an object is untracked before it is freed, and its
 * PyGC_Head has been overwritten after that.
 */
#pragma once

#include "census/census.h"

/*
 * Changes to BLOCK_UNKNOWN each BLOCK_FREE_LISTED that cannot be on a free list, and counts it in
 * @census->freed_blocks. If there are more than the free lists of a type can hold, then the first
 * ones, by address, are taken for those on the lists. Returns 0, -ENOMEM or -EDQUOT.
 */
int free_list_types__settle(struct census *census);
