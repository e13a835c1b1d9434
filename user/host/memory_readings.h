/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readings of a process' memory beyond its arenas. They take much longer than readings of its heap,
 * so they may take as much CPU time as these take in the meantime: all readings of a process
 * together take at most twice as long as those of its heap alone. Of what was read, only a few
 * figures are kept.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/memory_figures.h"
#include "analysis/memory_watch.h"
#include "util/counters.h"

/* Initialized by memory_readings__begin(). */
struct memory_readings {
	struct memory_watch watch;
	struct memory_figures figures; /* of the last reading */
	uint64_t heap_ns;	       /* CPU time of readings of the heap since then */
};

void memory_readings__begin(struct memory_readings *readings);

/* Notes that a reading of the heap has taken @ns of CPU time. */
void memory_readings__note_heap(struct memory_readings *readings, uint64_t ns);

/* Whether one may be made along with the next reading of the heap. */
bool memory_readings__is_due(const struct memory_readings *readings);

/*
 * The CPU time that one takes, by the last one, in nanoseconds; 0: unknown.
 */
uint64_t memory_readings__expected_ns(const struct memory_readings *readings);

/*
 * Makes one, unless the process has not run since the last one. @findings are those of its heap. If
 * it fails, the figures are unknown, and it is counted in @counters.
 */
void memory_readings__make(struct memory_readings *readings, struct heap_source *source,
			   const struct findings *findings, struct counters *counters);

void memory_readings__release(struct memory_readings *readings);
