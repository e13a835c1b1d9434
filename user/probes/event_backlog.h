/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The events between attaching the probes and finding the heap. They are kept, and applied to the
 * model as soon as there is one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heap/model.h"
#include "pyfrag/events.h"

/* Initialized to zero. */
struct event_backlog {
	struct pyfrag_event *events;
	size_t cnt, capacity;
	uint64_t dropped_cnt; /* events dropped for lack of room */
};

void event_backlog__keep(struct event_backlog *backlog, const struct pyfrag_event *event);

/* Applies all events to @model and empties the backlog. Returns what model__apply() returns. */
int event_backlog__replay(struct event_backlog *backlog, struct model *model);

void event_backlog__release(struct event_backlog *backlog);
