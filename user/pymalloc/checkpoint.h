/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A checkpoint: the heap as read from memory, while the target runs.
 *
 * Pool headers come first, in bulk. A pool that is free or full needs no more; of the others the
 * carved part is copied, and the chain of free blocks is followed in the copy. A copy that
 * contradicts its own header was taken while the pool changed, and is taken again. At the end the
 * arena table is read once more: what went meanwhile is dropped, what came is read too.
 *
 * A heap that was read before is brought up to date: all headers are read, but of the pools whose
 * header says what it said (pool__stamp()) nothing more. To find those that changed all the same,
 * an ever other part of them is read again each time, so that none stays unseen for more than
 * SCRUB_READINGS readings; and what is found so is counted.
 *
 * In a large heap even the headers take their time, and most of it lies still. So, if asked to
 * spare, a reading passes over arenas in which CALM_READINGS readings in a row have found nothing
 * changed, but for one in CALM_SHARE, others each time: what changes in a calm arena is seen up to
 * so many readings late.
 *
 * The result is fuzzy in one way only: pools are seen at slightly different moments. A block that
 * did not change while the checkpoint was read is reported as it is. (Free blocks are a stack:
 * those that nobody touched stay linked below the touched ones, so each copy that passes finds all
 * of them.)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"
#include "pymalloc/locate.h"
#include "target/memory.h"

/* When an arena counts as calm, and the share of calm ones that is looked at in each reading. */
#define CALM_READINGS 1
#define CALM_SHARE    8

/* A partly used pool whose header stays the same is read again each so many readings. */
#define SCRUB_READINGS 64

struct checkpoint_options {
	/* For checkpoint__update(); only if nothing but readings changes the heap. */
	bool keep_stamps;
	bool spare_calm; /* with keep_stamps: pass over calm arenas */
	/* Called now and then; may be NULL. A non-zero return ends the reading with that value. */
	int (*progress)(uint64_t done_bytes, uint64_t total_bytes, void *context);
	void *context;
};

struct checkpoint_counts {
	uint64_t calm_pools;	       /* in arenas that were passed over */
	uint64_t unchanged_pools;      /* whose header was as before, and that were not looked at */
	uint64_t scrubbed_pools;       /* that were looked at all the same */
	uint64_t corrected_pools;      /* of those, changed */
	uint64_t retried_pools;	       /* that changed under the reader and were read again */
	uint64_t unresolved_pools;     /* of those, changed each time: taken from a torn copy */
	uint64_t unreadable_pools;     /* not readable: memory that is not there */
	uint64_t skipped_interpreters; /* with an allocator of their own that was not readable */
};

/*
 * Reads the heap, with memory of @memory's account; the caller frees it. Adds to @counts. Errors:
 * -EDQUOT the account does not allow it; -EAGAIN, -EUCLEAN, -E2BIG as allocators__read_arenas(); a
 * value that progress() returned; or negative errno of reading.
 */
int checkpoint__read(struct heap **out, struct allocators *allocators, const struct memory *memory,
		     const struct checkpoint_options *options, struct checkpoint_counts *counts);

/*
 * Brings @heap up to date, which was read with keep_stamps by checkpoint__read() or is empty.
 * Errors as above; then @heap is partly up to date.
 */
int checkpoint__update(struct heap *heap, struct allocators *allocators,
		       const struct memory *memory, const struct checkpoint_options *options,
		       struct checkpoint_counts *counts);

/*
 * Reads some pools again into @heap: those at the @cnt addresses of @pools. Pools that cannot be
 * read, or stay torn, or are in no arena, are left as they are.
 */
int checkpoint__reread_pools(struct heap *heap, const struct memory *memory, const uint64_t *pools,
			     size_t cnt, struct checkpoint_counts *counts);
