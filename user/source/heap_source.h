/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a target to readings of its heaps: its Python and its heaps, found once and kept.
 */
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
	struct account *account; /* of all that is made of the process */
	struct target *target;
	struct python *python;
	struct target_heaps heaps; /* one at least; the first has Python's objects */
};

struct heap_reading {
	/*
	 * Owned. Before a reading: NULL, or the heap as it was read before, to be brought up to
	 * date, where nothing but readings with keep_stamps has changed it.
	 */
	struct heap *heap;
	double duration_ms, paused_ms;
	bool target_slept; /* nothing was read: it has not run since the reading before */
	struct checkpoint_counts counts;
	uint64_t ended_interpreters; /* by then, see python__ended_interpreters() */
};

struct heap_reading_options {
	size_t index; /* of the heap in the source */
	bool pause;   /* stop the target meanwhile */
	struct checkpoint_options checkpoint;
};

/*
 * Finds the heaps of @target and takes the target over, also on failure. All that is made of it,
 * now and later, takes no more than @max_memory_bytes of our memory, and is part of @total (NULL:
 * of nothing). Errors, each described in @failure: -ESRCH, -EPERM, -ENOEXEC not a CPython, -ENOTSUP
 * 32 bits, -ENODATA no heap of a known allocator, -EAGAIN not started up yet, -EDQUOT it takes more
 * memory than it may, ...
 */
int heap_source__open(struct heap_source **out, struct target *target, uint64_t max_memory_bytes,
		      struct account *total, struct failure *failure);
void heap_source__free(struct heap_source *source);
void heap_source__freep(struct heap_source **source);

/*
 * Reads a heap into @reading->heap, adding to @counters. The caller frees the heap, also after a
 * failure if there was one before, which then is partly up to date.
 */
int heap_source__read(struct heap_source *source, const struct heap_reading_options *options,
		      struct heap_reading *reading, struct counters *counters,
		      struct failure *failure);

/* Writes to @counters how often the process was refused memory of ours. */
void heap_source__count_refusals(const struct heap_source *source, struct counters *counters);

/* The heap that has Python's objects. */
static inline const struct target_heap *heap_source__main(const struct heap_source *source)
{
	return source->heaps.items[0];
}

/* Whether that one keeps a region that has become empty. */
static inline bool heap_source__keeps_one_empty(const struct heap_source *source)
{
	return heap_source__main(source)->allocator->keeps_one_empty(heap_source__main(source));
}
