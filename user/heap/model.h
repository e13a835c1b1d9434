/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of a heap: a checkpoint, moved forward by events, proved right by the next checkpoint.
 *
 * This is a fuzzy checkpoint and a log, as databases do it. While memory is read the target runs,
 * and events go on to be applied; the model notes which blocks they touched. A touched block is as
 * its last event left it, whatever the reader saw; every other block did not change meanwhile, so
 * what the reader saw must be what the model says. Where it is not, an event was missed: that is
 * the drift.
 *
 * The model knows no clocks, no BPF and no /proc: it is what it was given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pyfrag/events.h"
#include "heap/heap.h"

struct model_counts {
	uint64_t allocs, frees, new_pools, pools_freed;
	uint64_t arenas_mapped, arenas_unmapped, freelist_clears;
	/*
	 * Changes without an event, noticed by a later one: a block freed that was not live,
	 * allocated that was; blocks left in a pool or an arena when it was given up.
	 */
	uint64_t missed_allocs, missed_frees;
	uint64_t drift_blocks;	  /* found otherwise by a checkpoint */
	uint64_t resyncs;	  /* checkpoints that corrected something */
	uint64_t unplaced_events; /* arenas that overlap others, or that nobody knows */
	uint64_t abandoned_arenas, abandoned_blocks; /* see model__abandon_arenas() */
};

/*
 * An event is emitted while its change is under way, and a thread may be kept from running in the
 * middle of it for long: for 100 ms and more where a container has spent its CPU quota. The
 * interpreter's lock lets only one thread be there; interpreters with locks of their own have one
 * each.
 */
#define MODEL_RECENT_CNT 4

struct model {
	struct account *account;
	struct heap *heap;
	bool follows_blocks; /* there is an event for each allocation and free */
	struct model_counts counts;
	/*
	 * While a checkpoint is being read: the blocks and pools that events touched. Else, and
	 * where there are no events for blocks, NULL: then a checkpoint replaces all there was.
	 */
	struct block_map *touched;
	uint64_t generation,
		window_generation; /* of arenas; the latter when the checkpoint began */
	/* The last events there were: memory may still be as it was before them. */
	struct {
		struct pyfrag_event event;
		uint64_t generation; /* before it */
	} recent[MODEL_RECENT_CNT];
	size_t recent_cnt;
	/* What model__abandon_arenas() forgot last: their addresses, the highest first. */
	uint64_t *abandoned;
	size_t abandoned_cnt, abandoned_capacity;
	/* While the heap is lent (then it is NULL): the arena events there were. */
	struct pyfrag_event *late;
	size_t late_cnt, late_capacity;
};

/*
 * A model of an empty heap, whose memory is @account's. Returns 0, -ENOMEM or -EDQUOT; the caller
 * frees it.
 */
int model__new(struct model **out, const struct geometry *geometry, bool follows_blocks,
	       struct account *account);
void model__free(struct model *model);
void model__freep(struct model **model);

/* Applies one event. Returns 0 or -ENOMEM; one that the account has no room for is unplaced. */
int model__apply(struct model *model, const struct pyfrag_event *event);

/*
 * From here on until model__adopt(), events are noted as touching what they touch; so are the last
 * ones before, but not if @lost_some: other events may have come after them. Returns 0 or -ENOMEM.
 */
int model__begin_checkpoint(struct model *model, bool lost_some);

/*
 * To be called before the heap that was read, @fresh, is compared with the model, if an interpreter
 * with an allocator of its own has ended. If all its blocks are free then, it unmaps its arenas,
 * which events say (free_obmalloc_arenas(), Objects/obmalloc.c, 3.13 on). Else it leaves them
 * behind (always up to 3.12): they are mapped, but the table that knew them is gone, and no event
 * says so. Arenas that are not in @fresh, though nothing happened to them while it was read, and
 * that are mapped, as @is_mapped says, are such: the model forgets them.
 *
 * An interpreter whose last block has just been freed looks the same, for an instant: it is about
 * to unmap its arenas. The events that say so move nothing, then; it stays at abandoned.
 *
 * Returns 0, -EDQUOT or -ENOMEM.
 */
int model__abandon_arenas(struct model *model, const struct heap *fresh,
			  bool (*is_mapped)(uint64_t address, void *context), void *context);

/*
 * Only for models that do not follow blocks: gives the heap away, to be brought up to date, until
 * model__return_heap(). Events in between wait until then. In between the model has no heap.
 */
struct heap *model__lend_heap(struct model *model);
int model__return_heap(struct model *model, struct heap *heap);

/*
 * Compares @fresh, read since model__begin_checkpoint(), with the model where nothing was touched.
 * Only for models that follow blocks.
 * Writes the number of blocks that differ, and up to @max addresses of pools they are in.
 */
void model__compare(const struct model *model, const struct heap *fresh, uint64_t *drift_blocks,
		    uint64_t *pools, size_t max, size_t *pool_cnt);

/*
 * Makes @fresh (taken over) the model's heap, with what events touched since
 * model__begin_checkpoint() as the events left it. @drift_blocks go into the counts, and if there
 * are any, so does a resync. Returns 0 or -ENOMEM; then the model is as before, and @fresh freed.
 */
int model__adopt(struct model *model, struct heap *fresh, uint64_t drift_blocks);
