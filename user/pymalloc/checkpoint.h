/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A checkpoint: the heap as read from memory, while the target runs.
 *
 * Pool headers come first, in bulk. A pool that is free or full needs no more; of the others the
 * carved part is copied, and the chain of free blocks is followed in the copy. A copy that
 * contradicts its own header was taken while the pool changed, and is taken again. At the end the
 * arena table is read once more: arenas that were unmapped meanwhile are dropped, new ones read.
 *
 * A heap that was read before is brought up to date: all headers are read, but of the pools whose
 * header has not changed (pool__stamp()) nothing more. To find pools that changed all the same, a
 * different part of these is read again each time, so that each is read within SCRUB_READINGS
 * readings. What is found that way is counted.
 *
 * In a large heap reading just the headers takes long, and most of them do not change. With
 * spare_calm, a reading passes over arenas in which CALM_READINGS readings in a row have found no
 * change, except for one in CALM_SHARE, different ones each time. So a change in a calm arena is
 * seen up to CALM_SHARE readings late.
 *
 * The result is fuzzy in one way only: pools are seen at slightly different moments. A block that
 * did not change while the checkpoint was read is reported as it is. (Free blocks are a stack:
 * untouched ones stay linked below the touched ones, so each consistent copy finds all of them.)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"
#include "heap/heap_reading.h"
#include "pymalloc/locate.h"
#include "target/memory.h"

/*
 * Reads the heap into @heap, which is empty or was read before with keep_stamps. Adds to @counts.
 * Errors: -EDQUOT the account does not allow it; -EAGAIN, -EUCLEAN, -E2BIG as
 * obmalloc__read_arenas(); a value that progress() returned; or negative errno of reading. Then
 * @heap is partly up to date.
 */
int checkpoint__update(struct heap *heap, struct obmalloc *obmalloc, const struct memory *memory,
		       const struct checkpoint_options *options, struct checkpoint_counts *counts);

/*
 * Reads some pools again into @heap: those at the @cnt addresses of @pools. Pools that cannot be
 * read, or stay torn, or are in no arena, are left as they are.
 */
int checkpoint__reread_pools(struct heap *heap, const struct memory *memory, const uint64_t *pools,
			     size_t cnt, struct checkpoint_counts *counts);
