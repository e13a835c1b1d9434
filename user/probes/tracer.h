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
#include "pymalloc/heap_source.h"
#include "target/runtime.h"
#include "util/failure.h"

struct tracer_options {
	bool follow_blocks; /* each allocation and free; else what the budget allows, and arenas */
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
 * the heap need not be up yet. @module must outlive the call only. The caller frees.
 */
int tracer__attach(struct tracer **out, pid_t pid, const struct module *module,
		   const struct site_set *sites, const struct features *features,
		   const struct tracer_options *options, struct failure *failure);

/* Detaches and frees. */
void tracer__free(struct tracer *tracer);
void tracer__freep(struct tracer **tracer);

/* Who is notified of what happens; called while events wait. */
struct tracer_observer {
	/*
	 * Each event of the heap, and each stack, in order. @stack_number: the stack that was
	 * recorded with the event, 0 if none was. A negative errno that they return ends the trace.
	 */
	int (*event)(const struct pyfrag_event *event, uint64_t stack_number, void *context);
	int (*stack)(const struct pyfrag_stack *stack, void *context);
	/*
	 * Growth is watched again, after it was not for a while: there are events for all from here
	 * on.
	 */
	void (*growth_resumed)(void *context);
	void *context;
};

/* To be called before tracer__follow(). */
void tracer__observe(struct tracer *tracer, const struct tracer_observer *observer);

/* From here on what @stacks says is recorded with its stack; or a stack is to be sent again. */
void tracer__enable_stacks(struct tracer *tracer, const struct pyfrag_stacks *stacks);
void tracer__forget_stack(struct tracer *tracer, uint64_t number);

/*
 * Begins to follow the heap of @source, which must outlive the tracer. @runtime: of the same
 * Python, or NULL if it was not found. @from_first_allocation: the probes were in place before the
 * program ran, so nothing precedes the events. Else the heap is first known after a checkpoint.
 */
int tracer__follow(struct tracer *tracer, struct heap_source *source, const struct runtime *runtime,
		   bool from_first_allocation, struct failure *failure);

/* How many events there have been by now; cheap. */
uint64_t tracer__event_cnt(struct tracer *tracer);

/*
 * Takes a checkpoint: reads the heap, compares it with the model, and makes the model what the two
 * say together. *out: how long it took; its heap is NULL, the model holds it. Adds to @counters.
 */
int tracer__checkpoint(struct tracer *tracer, const struct heap_reading_options *options,
		       struct heap_reading *out, struct counters *counters,
		       struct failure *failure);

/*
 * Calls @visit with the heap and the totals as they are now; events wait meanwhile. Returns what it
 * returns.
 */
int tracer__visit(struct tracer *tracer,
		  int (*visit)(const struct heap *heap, const struct tracer_totals *totals,
			       void *context),
		  void *context);

/* Writes what BPF and the tracer have counted; other counters are left alone. */
void tracer__read_counters(struct tracer *tracer, struct counters *counters);

/* Whether the target has executed another program. */
bool tracer__has_execed(struct tracer *tracer);

/* A file descriptor, the tracer's, that becomes readable when it does. */
int tracer__exec_fd(const struct tracer *tracer);

/*
 * A file descriptor, the tracer's, that becomes readable when the process that holds the probes was
 * killed (keeper.h): nothing is probed any more.
 */
int tracer__keeper_fd(const struct tracer *tracer);

/*
 * Where there is a budget (else there is nothing to do): to be called some times a second, and when
 * tracer__overrun_fd() is readable. Returns 0 or negative errno; -EPIPE: as tracer__keeper_fd()
 * says.
 */
int tracer__keep_budget(struct tracer *tracer);

/* A file descriptor, the tracer's; -1 if there is no budget. */
int tracer__overrun_fd(const struct tracer *tracer);

/*
 * A file descriptor, the tracer's, that becomes readable a little after the target has forked: then
 * tracer__spare_children() should be called, which takes the probes out of the children's memory.
 * It takes as long as attaching does; returns 0 or negative errno.
 */
int tracer__fork_fd(const struct tracer *tracer);
int tracer__spare_children(struct tracer *tracer);
