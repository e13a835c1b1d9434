/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of a heap: a checkpoint that events keep current and that the next checkpoint verifies.
 *
 * This is a fuzzy checkpoint and a log, as in databases. While memory is read, the target runs and
 * events continue to be applied; the model records which blocks they touch. A touched block is as
 * its last event left it, whatever the reader saw. No other block changed, so the reader must have
 * seen what the model has. Where it did not, an event was missed; such differences are called
 * drift.
 *
 * The model uses no clock, no BPF and no /proc. It depends only on its input.
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
	 * Changes without an event, noticed through a later event: a free of a block that was not
	 * live, an allocation of one that was; blocks left in a span or a region when it was
	 * released.
	 */
	uint64_t missed_allocs, missed_frees;
	uint64_t drift_blocks;	  /* other differences, found by a checkpoint */
	uint64_t resyncs;	  /* checkpoints that corrected differences */
	uint64_t unplaced_events; /* bad address, overlapping or unknown region, or no room */
	uint64_t abandoned_regions, abandoned_blocks; /* see model__abandon_regions() */
};

/*
 * An event is emitted while its change is in progress, and the thread may be preempted in the
 * middle of it, for 100 ms or more if its container has used up its CPU quota. The interpreter's
 * lock allows only one thread to be there; each interpreter with its own lock may have one.
 */
#define MODEL_RECENT_CNT 4

struct model {
	struct account *account;
	struct heap *heap;
	bool follows_blocks; /* there is an event for each allocation and each free */
	struct model_counts counts;
	/*
	 * The blocks and spans that events touched while a checkpoint is being read; otherwise
	 * NULL. Always NULL without events for blocks: then a checkpoint replaces the whole heap.
	 */
	struct block_map *touched;
	uint64_t generation, window_generation; /* of regions: now, and when the checkpoint began */
	/* The most recent events: memory may still be in the state before them. */
	struct {
		struct pyfrag_event event;
		uint64_t generation; /* before the event */
	} recent[MODEL_RECENT_CNT];
	size_t recent_cnt;
	/* Events of regions since the heap was lent out (while it is, heap is NULL). */
	struct pyfrag_event *late;
	size_t late_cnt, late_capacity;
};

/*
 * Creates a model of an empty heap, whose memory comes from @account. Returns 0, -ENOMEM or
 * -EDQUOT; the caller frees it.
 */
int model__new(struct model **out, const struct heap_layout *layout, bool follows_blocks,
	       struct account *account);
void model__free(struct model *model);
void model__freep(struct model **model);

/*
 * Applies one event. Returns 0 or -ENOMEM. An event for which the account has no room counts as
 * unplaced.
 */
int model__apply(struct model *model, const struct pyfrag_event *event);

/*
 * From here to model__adopt(), the model records what events touch, including the most recent
 * events before this call. @lost_some: do not include those, since lost events may have followed
 * them. Returns 0, -ENOMEM or -EDQUOT.
 */
int model__begin_checkpoint(struct model *model, bool lost_some);

/*
 * Regions that are in no table, though no event touched them while the heap was read, and
 * @is_mapped returns true for them. @fresh is the heap that was read. Why they are in no table, the
 * caller has to know; call one of these before model__compare().
 *
 * model__keep_regions(): the table that lists them may be one that could not be read. They are
 * added to @fresh, unread, so that they stay as events left them. Returns 0, -ENOMEM or -EDQUOT;
 * after an error some were added.
 *
 * model__abandon_regions(): all tables were read, and an interpreter with an allocator of its own
 * has ended. If all blocks of such an interpreter are free, it unmaps its arenas, with events,
 * before it leaves the list of interpreters (free_obmalloc_arenas(), Objects/obmalloc.c, since
 * 3.13). Otherwise, and always up to 3.12, it abandons them: they stay mapped, but the table that
 * listed them is gone, and there is no event. The model removes them.
 */
int model__keep_regions(const struct model *model, struct heap *fresh,
			bool (*is_mapped)(uint64_t address, void *context), void *context);
void model__abandon_regions(struct model *model, const struct heap *fresh,
			    bool (*is_mapped)(uint64_t address, void *context), void *context);

/*
 * For models that do not follow blocks: lends out the heap to be updated, until
 * model__return_heap(). Meanwhile the model has no heap and queues the events of regions.
 * model__return_heap() applies these and returns 0 or -ENOMEM.
 */
struct heap *model__lend_heap(struct model *model);
int model__return_heap(struct model *model, struct heap *heap);

/*
 * Compares @fresh, read since model__begin_checkpoint(), with the model, except for what was
 * touched. Only for models that follow blocks. Stores the number of blocks that differ, and up to
 * @max addresses of the spans that contain them.
 */
void model__compare(const struct model *model, const struct heap *fresh, uint64_t *drift_blocks,
		    uint64_t *spans, size_t max, size_t *span_cnt);

/*
 * Makes @fresh the model's heap, with whatever events touched since model__begin_checkpoint() as
 * the events left it. Takes ownership of @fresh. Adds @drift_blocks to the counts, and a resync if
 * it is not 0. Returns 0, -ENOMEM or -EDQUOT; after an error the model is unchanged and @fresh is
 * freed.
 */
int model__adopt(struct model *model, struct heap *fresh, uint64_t drift_blocks);
