/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of a heap: a checkpoint that events bring forward, and that the next checkpoint
 * verifies.
 *
 * This is a fuzzy checkpoint and a log, as in databases. While memory is read the target runs, and
 * events continue to be applied; the model notes which blocks they touched. A touched block is as
 * its last event left it, whatever the reader saw. No other block changed meanwhile, so what the
 * reader saw of it must agree with the model. Where it does not, an event was missed: that is the
 * drift.
 *
 * The model uses no clock, no BPF and no /proc. It depends on nothing but its input.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"
#include "pyfrag/events.h"

struct model_counts {
	uint64_t allocs, frees, new_spans, spans_freed;
	uint64_t regions_mapped, regions_unmapped, freelist_clears;
	/*
	 * Changes without an event, noticed by a later one: a block freed that was not live,
	 * allocated that was; blocks left in a span or a region when it was released.
	 */
	uint64_t missed_allocs, missed_frees;
	uint64_t drift_blocks;	  /* found otherwise by a checkpoint */
	uint64_t resyncs;	  /* checkpoints that corrected something */
	uint64_t unplaced_events; /* regions that overlap others, or that are not known */
	uint64_t abandoned_regions, abandoned_blocks; /* see model__abandon_regions() */
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
	 * While a checkpoint is being read: the blocks and spans that events touched. Else, and
	 * where there are no events for blocks, NULL: then a checkpoint replaces all there was.
	 */
	struct block_map *touched;
	uint64_t generation,
		window_generation; /* of regions; the latter when the checkpoint began */
	/* The most recent events: memory may still be as it was before them. */
	struct {
		struct pyfrag_event event;
		uint64_t generation; /* before it */
	} recent[MODEL_RECENT_CNT];
	size_t recent_cnt;
	/* Addresses of the regions that model__abandon_regions() forgot last, the highest first. */
	uint64_t *abandoned;
	size_t abandoned_cnt, abandoned_capacity;
	/* While the heap is lent (then it is NULL): the events of regions since then. */
	struct pyfrag_event *late;
	size_t late_cnt, late_capacity;
};

/*
 * A model of an empty heap, whose memory is @account's. Returns 0, -ENOMEM or -EDQUOT; the caller
 * frees it.
 */
int model__new(struct model **out, const struct heap_layout *layout, bool follows_blocks,
	       struct account *account);
void model__free(struct model *model);
void model__freep(struct model **model);

/* Applies one event. Returns 0 or -ENOMEM; one that the account has no room for is unplaced. */
int model__apply(struct model *model, const struct pyfrag_event *event);

/*
 * From here on until model__adopt(), the model notes what events touch. This includes the most
 * recent events before, unless @lost_some: others may have followed these. Returns 0 or -ENOMEM.
 */
int model__begin_checkpoint(struct model *model, bool lost_some);

/*
 * To be called before the heap that was read, @fresh, is compared with the model, if an interpreter
 * with an allocator of its own has ended. If all its blocks are free then, it unmaps its arenas,
 * which events say (free_obmalloc_arenas(), Objects/obmalloc.c, 3.13 on). Else it leaves them
 * behind (always up to 3.12): they are mapped, but the table that listed them is gone, and no event
 * says so. The model takes a region for one of these, and forgets it, if it is not in @fresh
 * although no event touched it while the heap was read, and @is_mapped says that it is mapped.
 *
 * An interpreter whose last block has just been freed looks the same, for an instant: it is about
 * to unmap its arenas. The events of that change nothing then; they stay counted as abandoned.
 *
 * Returns 0, -EDQUOT or -ENOMEM.
 */
int model__abandon_regions(struct model *model, const struct heap *fresh,
			   bool (*is_mapped)(uint64_t address, void *context), void *context);

/*
 * Only for models that do not follow blocks: hands out the heap, to be brought up to date, until
 * model__return_heap(). In between the model has no heap, and keeps the events of regions.
 */
struct heap *model__lend_heap(struct model *model);
int model__return_heap(struct model *model, struct heap *heap);

/*
 * Compares @fresh, read since model__begin_checkpoint(), with the model where nothing was touched.
 * Only for models that follow blocks.
 * Writes the number of blocks that differ, and up to @max addresses of spans they are in.
 */
void model__compare(const struct model *model, const struct heap *fresh, uint64_t *drift_blocks,
		    uint64_t *spans, size_t max, size_t *span_cnt);

/*
 * Makes @fresh (taken over) the model's heap, with what events touched since
 * model__begin_checkpoint() as the events left it. @drift_blocks go into the counts, and if there
 * are any, so does a resync. Returns 0 or -ENOMEM; then the model is as before, and @fresh freed.
 */
int model__adopt(struct model *model, struct heap *fresh, uint64_t drift_blocks);
