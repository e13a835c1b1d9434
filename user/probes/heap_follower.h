/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the model of a target's heap up to date. It applies events to the model. At each checkpoint
 * it compares the model with memory or, where there are no events for blocks, updates it from
 * memory.
 *
 * It is protected by the lock of the event stream. heap_follower__apply() is called while events
 * are handled. The other functions take the lock themselves, unless they say otherwise.
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

/* Readings that update the heap. They may be skipped while the target sleeps. */
struct reading_turns {
	/* Watches since just before the last reading of the heap. */
	struct sleep_watch sleep_watch;
	/* Readings still due, even if it sleeps, until its whole heap has been read. */
	int due_cnt;
};

struct heap_follower {
	/* The source of events; not owned. */
	struct event_stream *stream;
	const struct probe_set *probes;
	struct heap_source *source; /* not owned; NULL before heap_follower__begin() */
	struct model *model;	    /* NULL before that, too: then events go to the backlog */
	struct event_backlog backlog;
	bool follows_blocks; /* there is an event for each allocation and free */
	bool has_baseline;   /* the model is the whole heap, not only what has changed in it */
	int event_err;	     /* from handling an event: the next checkpoint fails with it */
	/* At the last reading that read all interpreters, and at the one before it. */
	uint64_t ended_interpreters[2];
	uint64_t lost_cnt;	  /* lost events, when they were last counted */
	uint64_t unconfirmed_cnt; /* blocks that differ, in too many pools to be read again */
	struct reading_turns turns;
};

void heap_follower__init(struct heap_follower *follower, bool follows_blocks);
void heap_follower__release(struct heap_follower *follower);

/* Applies an event, or keeps it until the heap is known. Returns what model__apply() returns. */
int heap_follower__apply(struct heap_follower *follower, const struct pyfrag_event *event);

/*
 * Begins to follow the heap of @source, which must outlive the follower, and applies the events
 * that were kept. @from_first_allocation: no allocation precedes these events; otherwise the heap
 * is known only after the first checkpoint. Returns 0, -ENOMEM or -EDQUOT.
 */
int heap_follower__begin(struct heap_follower *follower, struct heap_source *source,
			 bool from_first_allocation);

/*
 * Takes a checkpoint, after which the model equals the heap. *out describes the reading; its heap
 * is NULL. Adds to @counters. Errors are described in @failure.
 */
int heap_follower__checkpoint(struct heap_follower *follower,
			      const struct heap_reading_options *options, struct heap_reading *out,
			      struct counters *counters, struct failure *failure);

/*
 * Adds the events that the backlog dropped to those that were lost, and sets the counters of the
 * model and of the source. Leaves others alone. Call it with the stream's lock held.
 */
void heap_follower__read_counters(const struct heap_follower *follower, struct counters *counters);
