/* SPDX-License-Identifier: BSD-2-Clause */
/* From a target to readings of its heaps. Its Python and its heaps are located once and kept. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "heap/allocator.h"
#include "heap/heap.h"
#include "target/python.h"
#include "target/target.h"
#include "util/counters.h"
#include "util/failure.h"

struct heap_source {
	struct account *account; /* for everything allocated for the process */
	struct target *target;
	struct python *python;
	struct target_heaps heaps; /* at least one; the first contains Python's objects */
};

/* How many heaps of a source are read at most. */
#define HEAPS_MAX 4

struct heap_reading {
	/*
	 * Owned. Before a reading: NULL, or the heap of an earlier reading, to be updated; then
	 * nothing but readings with keep_stamps may have changed it.
	 */
	struct heap *heap;
	/*
	 * Owned, by their place in heap_source.heaps: the other heaps, if they were asked for.
	 * NULL: could not be read.
	 */
	struct heap *others[HEAPS_MAX];
	double duration_ms, paused_ms;
	bool target_slept; /* nothing was read: the target has not run since the last reading */
	struct checkpoint_counts counts;
	uint64_t ended_interpreters; /* so far; see python__ended_interpreters() */
};

struct heap_reading_options {
	bool with_others; /* read all heaps, not only the one that contains Python's objects */
	bool pause;	  /* stop the target during the reading */
	struct checkpoint_options checkpoint;
};

/*
 * Finds the heaps that the NULL-terminated @wanted allocators have in @target. Takes ownership of
 * the target, also on failure. Everything allocated for it, now and later, is limited to
 * @max_memory_bytes of pyfrag's memory and counts towards @total (NULL: no total). Errors, each
 * described in @failure: -ESRCH, -EPERM, -ENOEXEC not a CPython, -ENOTSUP 32 bits, -ENODATA no heap
 * of a known allocator, -EAGAIN not started up yet, -EDQUOT over the memory limit, ...
 */
int heap_source__open(struct heap_source **out, const struct allocator *const *wanted,
		      struct target *target, uint64_t max_memory_bytes, struct account *total,
		      struct failure *failure);
void heap_source__free(struct heap_source *source);
void heap_source__freep(struct heap_source **source);

/*
 * Reads the heap that contains Python's objects into @reading->heap, and the others if wanted, all
 * in one pause. Adds to @counters. The caller releases the reading. After a failure, a heap that
 * existed before is partly updated.
 */
int heap_source__read(struct heap_source *source, const struct heap_reading_options *options,
		      struct heap_reading *reading, struct counters *counters,
		      struct failure *failure);

/*
 * Finds the heaps of more allocators in the target, which are then read with the others. It is not
 * an error if there are none. Returns 0, or an error described in @failure.
 */
int heap_source__add(struct heap_source *source, const struct allocator *const *wanted,
		     struct failure *failure);

/* Frees the heaps other than the main one, with what was read of them. */
void heap_source__drop_others(struct heap_source *source);

/*
 * Reads only the other heaps, in a pause if wanted. @reading->heap has the regions of the main heap
 * that are not theirs. Errors as those of heap_source__read().
 */
int heap_source__read_others(struct heap_source *source, const struct heap_reading_options *options,
			     struct heap_reading *reading, struct failure *failure);

/* Frees the heaps of a reading, and makes them NULL. */
void heap_reading__release(struct heap_reading *reading);

/* Stores in @counters what could not be allocated, and what was not read, for this process. */
void heap_source__count_omissions(const struct heap_source *source, struct counters *counters);

/* The heap that contains Python's objects. */
static inline const struct target_heap *heap_source__main(const struct heap_source *source)
{
	return source->heaps.items[0];
}
