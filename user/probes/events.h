/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The events of a ring buffer, taken out by a thread of its own, so that whatever else is going on
 * (a checkpoint being read, a report that nobody takes) the ring does not fill.
 */
#pragma once

#include <stddef.h>

#include "pyfrag/events.h"

struct event_stream;

/*
 * Starts the thread on the ring buffer map @ring_fd of @ring_bytes. @handle is called for each
 * event, in order, by the thread or within event_stream__drain(), never by two at a time. Records
 * that go on behind the event (pyfrag/stacks.h) are whole. Returns 0 or negative errno.
 */
int event_stream__start(struct event_stream **out, int ring_fd, size_t ring_bytes,
			void (*handle)(const struct pyfrag_event *event, void *context),
			void *context);

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
