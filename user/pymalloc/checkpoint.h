/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A checkpoint: the heap image, read from memory while the target runs.
 *
 * Pool headers are read first, in bulk. A free or full pool needs nothing more. Of all others the
 * carved part is copied, and the free list is followed in the copy. A copy that contradicts its own
 * header was taken while the pool changed, and is read again. At the end the arena table is read
 * once more: arenas unmapped in the meantime are dropped, new ones are read.
 *
 * A heap that was read before is updated: all headers are read again, but pools with an unchanged
 * header (pool__stamp()) are not. To find pools that changed nevertheless, each reading of an arena
 * reads a different part of them again, so that each is read once in SCRUB_READINGS readings of its
 * arena. Changes found this way are counted.
 *
 * In a large heap, reading the headers alone takes long, and most headers do not change. With
 * spare_calm, a reading skips arenas in which the last CALM_READINGS readings found no change,
 * except for one in CALM_SHARE of them, different ones each time. A change in a calm arena is
 * therefore seen up to CALM_SHARE readings late, or CALM_SHARE * SCRUB_READINGS readings if the
 * header of the pool stays the same.
 *
 * Pages that are swapped out are not read, unless memory->reads_swapped. A pool of which such a
 * page is needed becomes CLASS_UNREAD, whatever was known of it: it may have changed before it was
 * swapped out.
 *
 * The result is fuzzy in one way only: pools are read at slightly different moments. A block that
 * did not change during the checkpoint is reported correctly. (A free list is a stack: untouched
 * blocks stay linked below the touched ones, so each consistent copy contains all of them.)
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
 * Reads the heap into @heap, which is either empty or was read before with keep_stamps. Adds to
 * @counts. Errors: -EDQUOT over the account's limit; -EAGAIN, -EUCLEAN, -E2BIG as
 * obmalloc__read_arenas(); a value that progress() returned; or negative errno of reading. After an
 * error @heap is partly updated.
 */
int checkpoint__update(struct heap *heap, struct obmalloc *obmalloc, const struct memory *memory,
		       const struct checkpoint_options *options, struct checkpoint_counts *counts);

/*
 * Reads the @cnt pools at the addresses @pools again into @heap. Pools that cannot be read, have an
 * invalid header, or are in no arena are left unchanged. So are pools that stay torn: in an older
 * copy that was consistent, all blocks that have not changed since are correct, while a torn copy
 * may show free blocks as live.
 */
int checkpoint__reread_pools(struct heap *heap, const struct memory *memory, const uint64_t *pools,
			     size_t cnt, struct checkpoint_counts *counts);
