/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Consumes the events of a ring buffer in a thread of its own, so that the ring does not fill up
 * while something else takes time, such as reading a checkpoint or writing a report to a slow
 * reader.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pyfrag/events.h"
#include "pyfrag/stacks.h"

struct event_stream;

/*
 * A function for each kind of record (pyfrag/records.h). The record is valid only during the call,
 * and complete for its kind: a stack has all of its frames.
 */
struct event_handlers {
	/* @stack_number: the stack that was recorded with the event; 0 if there is none. */
	void (*event)(const struct pyfrag_event *event, uint64_t stack_number, void *context);
	/* These may be NULL; then such records are skipped. */
	void (*stack)(const struct pyfrag_stack *stack, void *context);
	void (*notice)(const struct pyfrag_notice *notice, void *context);
};

/*
 * Starts a thread that consumes the ring buffer map @ring_fd, of @ring_bytes. Calls @handlers for
 * the records in order, from the thread or from event_stream__drain(), never from two threads at
 * once. Returns 0 or negative errno.
 */
int event_stream__start(struct event_stream **out, int ring_fd, size_t ring_bytes,
			const struct event_handlers *handlers, void *context);

/*
 * Handles what is in the ring now. On return, all events emitted before the call have been handled.
 * It also returns if events keep arriving faster than they are handled.
 */
void event_stream__drain(struct event_stream *stream);

/*
 * Keeps events from being handled until event_stream__unlock(), so that what the handlers change
 * can be read. Events wait in the ring meanwhile.
 */
void event_stream__lock(struct event_stream *stream);
void event_stream__unlock(struct event_stream *stream);

/* Handles the remaining events, ends the thread, and frees. */
void event_stream__free(struct event_stream *stream);
void event_stream__freep(struct event_stream **stream);
