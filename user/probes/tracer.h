/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One traced process: its probes and their cost, its events, and the heap as known from events and
 * memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "probes/features.h"
#include "probes/sites.h"
#include "probes/tracer_totals.h"
#include "pyfrag/stacks.h"
#include "source/heap_source.h"
#include "target/runtime.h"
#include "util/failure.h"

struct tracer_options {
	bool follow_blocks; /* each allocation and free; else arenas, and what the budget allows */
	double budget;	    /* if blocks are not followed: share of the target's CPU time */
	bool no_bursts;	    /* arenas and pools only, even if some of the budget is left */
	size_t ring_bytes;
	bool with_stacks; /* tracer__enable_stacks() will be called */
	/* A Python with more code is not probed; 0: the limit of elf_file__code(). */
	uint64_t code_bytes_max;
};

struct tracer;

/*
 * Probes the sites in @module's file, which process @pid has mapped. From now on events are kept;
 * the heap need not exist yet. @module is used only during the call. The caller frees *out.
 */
int tracer__attach(struct tracer **out, pid_t pid, const struct module *module,
		   const struct site_set *sites, const struct features *features,
		   const struct tracer_options *options, struct failure *failure);

/* Detaches and frees. */
void tracer__free(struct tracer *tracer);
void tracer__freep(struct tracer **tracer);

/* Called while events are handled, never concurrently. The functions may be NULL. */
struct tracer_observer {
	/*
	 * Each heap event and each stack, in order. @stack_number: the stack that was recorded with
	 * the event; 0 if there is none. A negative errno that they return ends the trace.
	 */
	int (*event)(const struct pyfrag_event *event, uint64_t stack_number, void *context);
	int (*stack)(const struct pyfrag_stack *stack, void *context);
	/* Growth is watched again after a pause: from now on no event is missing. */
	void (*growth_resumed)(void *context);
	void *context;
};

/* Call it before tracer__follow(). */
void tracer__observe(struct tracer *tracer, const struct tracer_observer *observer);

/* From now on, records stacks as specified by @stacks. */
void tracer__enable_stacks(struct tracer *tracer, const struct pyfrag_stacks *stacks);

/* Makes the BPF program send the stack @number again when it next encounters it. */
void tracer__forget_stack(struct tracer *tracer, uint64_t number);

/*
 * Begins to follow the heap of @source, which must outlive the tracer. @runtime: of the same
 * Python, or NULL if it was not found. @from_first_allocation: the probes were attached before the
 * program ran, so no allocation precedes the events; otherwise the heap is known only after the
 * first checkpoint. Errors are described in @failure.
 */
int tracer__follow(struct tracer *tracer, struct heap_source *source, const struct runtime *runtime,
		   bool from_first_allocation, struct failure *failure);

/* The number of events so far; cheap. */
uint64_t tracer__event_cnt(struct tracer *tracer);

/*
 * Takes a checkpoint: reads the heap, compares it with the model, and updates the model. *out
 * describes the reading; its heap is NULL, because the model owns it. Adds to @counters. Errors are
 * described in @failure.
 */
int tracer__checkpoint(struct tracer *tracer, const struct heap_reading_options *options,
		       struct heap_reading *out, struct counters *counters,
		       struct failure *failure);

/* The heap and the totals at one point in time. */
struct tracer_view {
	const struct heap *heap; /* owned by the tracer */
	struct tracer_totals totals;
};

/* Delays events, so that the heap of *out does not change until tracer__resume(). */
void tracer__hold(struct tracer *tracer, struct tracer_view *out);
void tracer__resume(struct tracer *tracer);

/* Sets the counters of the BPF programs and of the tracer. Leaves others alone. */
void tracer__read_counters(struct tracer *tracer, struct counters *counters);

/* Whether the target has executed another program. */
bool tracer__has_execed(struct tracer *tracer);

/* A file descriptor, owned by the tracer, that becomes readable on such an exec. */
int tracer__exec_fd(const struct tracer *tracer);

/*
 * A file descriptor, owned by the tracer, that becomes readable when the process that holds the
 * probes was killed (keeper.h). Nothing is probed from then on.
 */
int tracer__keeper_fd(const struct tracer *tracer);

/*
 * Keeps to the budget, if there is one. Call it several times a second, and when
 * tracer__overrun_fd() is readable. Returns 0 or negative errno; -EPIPE: the process that holds the
 * probes was killed.
 */
int tracer__keep_budget(struct tracer *tracer);

/* A file descriptor, owned by the tracer; -1 if there is no budget. */
int tracer__overrun_fd(const struct tracer *tracer);

/*
 * A file descriptor, owned by the tracer, that becomes readable half a second after the target has
 * forked. Then call tracer__spare_children(), which removes the probes from the children. It takes
 * as long as attaching, and returns 0 or negative errno.
 */
int tracer__fork_fd(const struct tracer *tracer);
int tracer__spare_children(struct tracer *tracer);
