// SPDX-License-Identifier: BSD-2-Clause
#include "host/memory_readings.h"

#include <time.h>

#include "source/allocators.h"
#include "util/clock.h"
#include "util/log.h"

void memory_readings__begin(struct memory_readings *readings)
{
	*readings = (struct memory_readings){.watch.detail = MEMORY_QUICK,
					     .figures = MEMORY_FIGURES_UNKNOWN};
}

void memory_readings__release(struct memory_readings *readings)
{
	memory_watch__release(&readings->watch);
}

void memory_readings__note_heap(struct memory_readings *readings, uint64_t ns)
{
	readings->heap_ns += ns;
}

bool memory_readings__is_due(const struct memory_readings *readings)
{
	return readings->heap_ns > 0 && readings->heap_ns >= readings->watch.taken_ns;
}

uint64_t memory_readings__expected_ns(const struct memory_readings *readings)
{
	return readings->watch.taken_ns;
}

static int read_memory(struct memory_readings *readings, struct heap_source *source,
		       const struct findings *findings, struct counters *counters,
		       struct failure *failure)
{
	const struct heap_reading_options options = {};
	int err = heap_source__add(source, unfollowed_allocators, failure);

	return err ? err
		   : memory_watch__read(&readings->watch, source, findings, &options, counters,
					failure);
}

void memory_readings__make(struct memory_readings *readings, struct heap_source *source,
			   const struct findings *findings, struct counters *counters)
{
	struct failure failure;

	readings->heap_ns = 0;
	if (!memory_watch__is_due(&readings->watch, source->target, clock_ns(CLOCK_MONOTONIC), 0))
		return;
	if (read_memory(readings, source, findings, counters, &failure)) {
		counters__add(counters, COUNTER_MEMORY_SKIPPED, 1);
		log_debug("%s", failure.text);
	}
	readings->figures = memory_figures__of(&readings->watch.memory);
	memory_watch__forget(&readings->watch);
	heap_source__drop_others(source);
}
