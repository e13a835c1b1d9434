/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drift: blocks that differ between the heap just read and the model, without an event that
 * explains the difference.
 *
 * An event is emitted a few instructions before or after the change that it reports. If a thread is
 * preempted in between, one of the two is late. A pool may also have been copied in the middle of a
 * change. So after memory has been read, the tracer waits a little for late events, and pools that
 * differ are read again, several times, before a difference counts.
 *
 * Where CPUs are scarce, a thread may stay preempted for much longer than that: on a busy machine,
 * or when its container has used up its quota. It is then ready to run, and its CPU time stands
 * still. So a difference counts only when every thread that was ready when it was seen has run
 * since (target/run_watch.h), or three seconds have passed.
 */
#pragma once

#include <stdint.h>

#include "heap/allocator.h"
#include "heap/model.h"
#include "probes/events.h"

struct drift {
	/* Set by the caller. */
	struct event_stream *stream; /* its handlers update the model */
	const struct model *model;
	const struct target_heap *target_heap; /* spans are read again from it */
	/* Results; initially 0. */
	uint64_t blocks;
	uint64_t unconfirmed_blocks;	 /* of these, in too many pools to be checked again */
	struct checkpoint_counts counts; /* of what was read again */
};

/* Waits for events about changes that are already in memory, and handles them. */
void drift__await_stragglers(struct event_stream *stream);

/*
 * Waits until all threads of @target that are ready now have run, three seconds at most, and
 * handles their events. Afterwards no change that was in memory is without its event, and no event
 * without its change.
 */
void drift__await_threads(struct event_stream *stream, const struct target *target);

/*
 * Compares @fresh with the model until they agree, or the number of tries is exhausted. Spans that
 * are read again from the target replace those in @fresh. Returns 0 or negative errno.
 */
int drift__confirm(struct drift *drift, struct heap *fresh);
