/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes come to be on this host: told by BPF, at fork and at exec, in place of asking
 * /proc again and again.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "pyfrag/process_events.h"
#include "util/failure.h"

struct process_events;

/* Called for each, from process_events__take(). Returns 0 or an error that ends the taking. */
typedef int process_event_fn(void *context, const struct pyfrag_process_event *event);

/* Begins to watch. Errors (-EPERM, -ENOTSUP, ...) are described. The caller frees. */
int process_events__new(struct process_events **out, process_event_fn *take, void *context,
			struct failure *failure);
void process_events__free(struct process_events *events);
void process_events__freep(struct process_events **events);

/* Takes all there are, without waiting. Returns 0 or as the function. */
int process_events__take(struct process_events *events);

/* Events that were lost since the beginning: /proc has to be looked at. */
uint64_t process_events__lost(const struct process_events *events);
