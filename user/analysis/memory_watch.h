/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a process that is watched. Reading a malloc and dividing all memory takes longer
 * than reading what has changed in the arenas, and nothing tells what has changed in a malloc. So
 * it is read again only if the process has run since, and only so often that it takes a given share
 * of a core. In between, its figures are those of the last reading.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/findings.h"
#include "analysis/process_memory.h"
#include "source/heap_source.h"
#include "target/sleep_watch.h"
#include "util/counters.h"
#include "util/failure.h"

/* Zero-initialized, but for @detail. */
struct memory_watch {
	enum memory_detail detail;
	/* Of the last reading. Its main heap has the regions of the arenas, but no blocks. */
	struct heap_reading reading;
	struct process_memory memory;
	struct sleep_watch sleep_watch;
	bool has_run;	   /* since the last reading */
	uint64_t read_ns;  /* CLOCK_MONOTONIC: when that was; 0: there was none */
	uint64_t taken_ns; /* CPU time that it took */
};

/*
 * Whether to read the memory of @target now, at @now_ns (CLOCK_MONOTONIC), if readings may take
 * @share of a core; with a share of 0, whenever the target has run.
 */
bool memory_watch__is_due(struct memory_watch *watch, const struct target *target, uint64_t now_ns,
			  double share);

/*
 * Reads the heaps of @source other than the main one, of which @findings has the regions, and
 * divides all memory. After an error, nothing is known until the next reading. Errors as those of
 * heap_source__read_others() and process_memory__divide().
 */
int memory_watch__read(struct memory_watch *watch, struct heap_source *source,
		       const struct findings *findings, const struct heap_reading_options *options,
		       struct counters *counters, struct failure *failure);

/* Frees what was read, except for when that was. */
void memory_watch__forget(struct memory_watch *watch);
void memory_watch__release(struct memory_watch *watch);
