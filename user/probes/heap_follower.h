/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the model of a target's heap true: applies events to it, and at each checkpoint compares
 * it with what memory says, or, where there are no events for blocks, brings it up to date from
 * memory.
 *
 * The lock of the stream of events guards it. heap_follower__apply() is called while events are
 * handled; the others take the lock themselves, if they do not say otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "heap/model.h"
#include "probes/event_backlog.h"
#include "probes/events.h"
#include "probes/loader.h"
#include "source/heap_source.h"
#include "target/sleep_watch.h"
#include "util/counters.h"
#include "util/failure.h"

/* Readings that bring the heap up to date; they may be left out while the target sleeps. */
struct reading_turns {
	/* Since just before the heap was last read. */
	struct sleep_watch sleep_watch;
	/* How many must still follow, even if it sleeps, until all of its heap has been read. */
	int due_cnt;
};

struct heap_follower {
	/* Not owned: where the events come from. */
	struct event_stream *stream;
	const struct probe_set *probes;
	struct heap_source *source; /* not owned; NULL before heap_follower__begin() */
	struct model *model;	    /* NULL likewise: then events go to the backlog */
	struct event_backlog backlog;
	bool follows_blocks; /* there is an event for each allocation and free */
	bool has_baseline;   /* the model is the heap, not only what has changed in it */
	int event_err;	     /* of handling an event: the next checkpoint fails with it */
	uint64_t ended_interpreters[2]; /* when the heap was last read, and the time before */
	uint64_t lost_cnt;		/* events, when they were last counted */
	uint64_t unconfirmed_cnt;	/* blocks that differ, in too many pools to be read again */
	struct reading_turns turns;
};

void heap_follower__init(struct heap_follower *follower, bool follows_blocks);
void heap_follower__release(struct heap_follower *follower);

/* Applies an event, or keeps it until the heap is known. Returns as model__apply(). */
int heap_follower__apply(struct heap_follower *follower, const struct pyfrag_event *event);

/*
 * Begins to follow the heap of @source, which must outlive it, with the events that were kept.
 * @from_first_allocation: no allocation precedes them; else the heap is known after the first
 * checkpoint. Returns 0, -ENOMEM or -EDQUOT.
 */
int heap_follower__begin(struct heap_follower *follower, struct heap_source *source,
			 bool from_first_allocation);

/*
 * Takes a checkpoint, after which the model is the heap. *out: how the reading went; its heap is
 * NULL. Adds to @counters. Errors are described.
 */
int heap_follower__checkpoint(struct heap_follower *follower,
			      const struct heap_reading_options *options, struct heap_reading *out,
			      struct counters *counters, struct failure *failure);

/*
 * Adds the events for which the backlog had no room to those that were lost, and sets the counters
 * of the model and of the source; others are left alone. Called under the stream's lock.
 */
void heap_follower__read_counters(const struct heap_follower *follower, struct counters *counters);
