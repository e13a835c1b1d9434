/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One traced process: its probes and their cost, what its events say, and the heap that they and
 * memory add up to.
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
	double budget;	    /* where blocks are not followed: share of the target's CPU time */
	bool no_bursts;	    /* arenas and pools only, whatever is left of the budget */
	size_t ring_bytes;
	bool with_stacks; /* tracer__enable_stacks() will be called */
	/* A Python of more code is not probed; 0: as elf_file__code() has it. */
	uint64_t code_bytes_max;
};

struct tracer;

/*
 * Probes the sites of @module's file, which process @pid has mapped. From here on events are kept;
 * the heap need not exist yet. @module is used during the call only. The caller frees.
 */
int tracer__attach(struct tracer **out, pid_t pid, const struct module *module,
		   const struct site_set *sites, const struct features *features,
		   const struct tracer_options *options, struct failure *failure);

/* Detaches and frees. */
void tracer__free(struct tracer *tracer);
void tracer__freep(struct tracer **tracer);

/* Called as events are handled, one at a time; may be NULL. */
struct tracer_observer {
	/*
	 * Each event of the heap, and each stack, in order. @stack_number: the stack that was
	 * recorded with the event, 0 if none was. A negative errno that they return ends the trace.
	 */
	int (*event)(const struct pyfrag_event *event, uint64_t stack_number, void *context);
	int (*stack)(const struct pyfrag_stack *stack, void *context);
	/* Growth was not watched for a while, and is again: from here on no event is missing. */
	void (*growth_resumed)(void *context);
	void *context;
};

/* To be called before tracer__follow(). */
void tracer__observe(struct tracer *tracer, const struct tracer_observer *observer);

/* From here on stacks are recorded as @stacks says. */
void tracer__enable_stacks(struct tracer *tracer, const struct pyfrag_stacks *stacks);

/* The stack that was sent as @number is sent again when it is next met. */
void tracer__forget_stack(struct tracer *tracer, uint64_t number);

/*
 * Begins to follow the heap of @source, which must outlive the tracer. @runtime: of the same
 * Python, or NULL if it was not found. @from_first_allocation: the probes were attached before the
 * program ran, so no allocation precedes the events. If not, the heap is known after the first
 * checkpoint.
 */
int tracer__follow(struct tracer *tracer, struct heap_source *source, const struct runtime *runtime,
		   bool from_first_allocation, struct failure *failure);

/* The number of events until now; cheap. */
uint64_t tracer__event_cnt(struct tracer *tracer);

/*
 * Takes a checkpoint: reads the heap, compares it with the model, and brings the model up to date.
 * *out: how the reading went; its heap is NULL, the model has it. Adds to @counters. Errors are
 * described.
 */
int tracer__checkpoint(struct tracer *tracer, const struct heap_reading_options *options,
		       struct heap_reading *out, struct counters *counters,
		       struct failure *failure);

/* The heap and the totals at one moment. */
struct tracer_view {
	const struct heap *heap; /* the tracer's */
	struct tracer_totals totals;
};

/* Makes events wait, so that the heap of *out does not change until tracer__resume(). */
void tracer__hold(struct tracer *tracer, struct tracer_view *out);
void tracer__resume(struct tracer *tracer);

/* Sets the counters of the BPF programs and of the tracer; others are left alone. */
void tracer__read_counters(struct tracer *tracer, struct counters *counters);

/* Whether the target has executed another program. */
bool tracer__has_execed(struct tracer *tracer);

/* The tracer's file descriptor that becomes readable when it does. */
int tracer__exec_fd(const struct tracer *tracer);

/*
 * The tracer's file descriptor that becomes readable when the process that holds the probes was
 * killed (keeper.h): nothing is probed any more.
 */
int tracer__keeper_fd(const struct tracer *tracer);

/*
 * Keeps the budget, if there is one: to be called several times a second, and when
 * tracer__overrun_fd() is readable. Returns 0 or negative errno; -EPIPE: the process that holds the
 * probes was killed.
 */
int tracer__keep_budget(struct tracer *tracer);

/* The tracer's file descriptor; -1 if there is no budget. */
int tracer__overrun_fd(const struct tracer *tracer);

/*
 * The tracer's file descriptor that becomes readable half a second after the target has forked:
 * then call tracer__spare_children(), which takes the probes out of the children's memory. It takes
 * as long as attaching does; returns 0 or negative errno.
 */
int tracer__fork_fd(const struct tracer *tracer);
int tracer__spare_children(struct tracer *tracer);
