/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports each fork and exec on this host, as BPF programs see them. This replaces polling /proc.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "pyfrag/process_events.h"
#include "util/failure.h"

struct process_events;

/* Called for each event by process_events__take(). Returns 0, or an error that ends the call. */
typedef int process_event_fn(void *context, const struct pyfrag_process_event *event);

/* Begins to watch. Errors (-EPERM, -ENOTSUP, ...) are described in @failure. The caller frees. */
int process_events__new(struct process_events **out, process_event_fn *take, void *context,
			struct failure *failure);
void process_events__free(struct process_events *events);
void process_events__freep(struct process_events **events);

/* Handles all pending events without waiting. Returns 0, or the function's error. */
int process_events__take(struct process_events *events);

/* Events lost since the beginning. If there are any, /proc has to be read. */
uint64_t process_events__lost(const struct process_events *events);
