/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The events of a ring buffer, taken out by a thread of its own, so that whatever else is going on
 * (a checkpoint being read, a report that nobody takes) the ring does not fill.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pyfrag/events.h"
#include "pyfrag/stacks.h"

struct event_stream;

/*
 * A function for each kind of record (pyfrag/records.h). The record is valid during the call only,
 * and as large as its kind: a stack has all of its frames.
 */
struct event_handlers {
	/* @stack_number: the stack that was recorded with the event; 0 if none was. */
	void (*event)(const struct pyfrag_event *event, uint64_t stack_number, void *context);
	/* These may be NULL: such records are skipped. */
	void (*stack)(const struct pyfrag_stack *stack, void *context);
	void (*notice)(const struct pyfrag_notice *notice, void *context);
};

/*
 * Starts the thread on the ring buffer map @ring_fd of @ring_bytes. @handlers are called for the
 * records in order, by the thread or within event_stream__drain(), never by two at a time. Returns
 * 0 or negative errno.
 */
int event_stream__start(struct event_stream **out, int ring_fd, size_t ring_bytes,
			const struct event_handlers *handlers, void *context);

/*
 * Handles what is in the ring now; when it returns, all events emitted before the call are handled.
 * It returns also if more come all the time, faster than they are handled.
 */
void event_stream__drain(struct event_stream *stream);

/*
 * Keeps events from being handled (they wait in the ring) until event_stream__unlock(): what
 * handle() changes can be read meanwhile.
 */
void event_stream__lock(struct event_stream *stream);
void event_stream__unlock(struct event_stream *stream);

/* Handles what is left, ends the thread, and frees. */
void event_stream__free(struct event_stream *stream);
void event_stream__freep(struct event_stream **stream);
