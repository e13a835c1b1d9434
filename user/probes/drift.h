/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drift: the blocks of a heap just read that differ from the model, and that no event accounts for.
 *
 * An event is emitted a few instructions before or after the change that it is about: a thread that
 * is preempted in between is late with one of them. And a pool may have been copied in mid-change.
 * So after memory is read the tracer waits a little for stragglers, and pools that differ are read
 * again, several times, before a difference counts.
 */
#pragma once

#include <stdint.h>

#include "heap/allocator.h"
#include "heap/model.h"
#include "probes/events.h"

struct drift {
	/* Set by the caller. */
	struct event_stream *stream; /* what it handles moves the model */
	const struct model *model;
	const struct target_heap *target_heap; /* where the heap is read again */
	/* Results; all 0 at first. */
	uint64_t blocks;
	uint64_t unconfirmed_blocks;	 /* of these: in too many pools to be looked at again */
	struct checkpoint_counts counts; /* of what was read again */
};

/* Waits for events about changes that are in memory by now, and handles them. */
void drift__await_stragglers(struct event_stream *stream);

/*
 * Compares @fresh with the model until they agree, or have differed too often. What is read again
 * of the target replaces it in @fresh. Returns 0 or negative errno.
 */
int drift__confirm(struct drift *drift, struct heap *fresh);
