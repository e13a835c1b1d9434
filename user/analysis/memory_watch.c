// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/memory_watch.h"

#include <time.h>

#include "target/shortage.h"
#include "util/clock.h"

void memory_watch__forget(struct memory_watch *watch)
{
	process_memory__release(&watch->memory);
	heap_reading__release(&watch->reading);
}

void memory_watch__release(struct memory_watch *watch)
{
	memory_watch__forget(watch);
	*watch = (struct memory_watch){};
}

bool memory_watch__is_due(struct memory_watch *watch, const struct target *target, uint64_t now_ns,
			  double share)
{
	watch->has_run |= !sleep_watch__has_slept(&watch->sleep_watch, target);
	return watch->has_run &&
	       (!watch->read_ns ||
		(double)(now_ns - watch->read_ns) * share >= (double)watch->taken_ns || share <= 0);
}

/* Makes the main heap of the reading one with the regions that @findings has. */
static int set_arenas(struct memory_watch *watch, const struct findings *findings,
		      struct account *account)
{
	const struct heap_measure *measure = &findings->measure;
	int err = heap__new(&watch->reading.heap, &findings->layout, account);

	for (size_t i = 0; i < measure->totals.regions && !err; i++)
		err = heap__add_region(watch->reading.heap, measure->regions[i].address,
				       measure->regions[i].size);
	return err;
}

static int read_all(struct memory_watch *watch, struct heap_source *source,
		    const struct findings *findings, const struct heap_reading_options *options,
		    struct counters *counters, struct failure *failure)
{
	int err = set_arenas(watch, findings, source->account);

	if (err)
		return shortage__describe(source->target, err, failure);
	err = heap_source__read_others(source, options, &watch->reading, failure);
	return err ? err
		   : process_memory__divide(&watch->memory, source, watch->reading.heap,
					    watch->detail, counters, failure);
}

int memory_watch__read(struct memory_watch *watch, struct heap_source *source,
		       const struct findings *findings, const struct heap_reading_options *options,
		       struct counters *counters, struct failure *failure)
{
	uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int err;

	memory_watch__forget(watch);
	watch->has_run = false;
	err = read_all(watch, source, findings, options, counters, failure);
	if (err)
		memory_watch__forget(watch);
	watch->read_ns = clock_ns(CLOCK_MONOTONIC);
	watch->taken_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
	return err;
}
