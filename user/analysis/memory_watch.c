// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/memory_watch.h"

#include <time.h>

#include "util/clock.h"

void memory_watch__release(struct memory_watch *watch)
{
	process_memory__release(&watch->memory);
	heap_reading__release(&watch->reading);
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

int memory_watch__set_arenas(struct memory_watch *watch, const struct heap *heap)
{
	struct heap *arenas;
	int err = 0;

	heap__free(TAKE_PTR(watch->reading.heap));
	err = heap__new(&watch->reading.heap, &heap->layout, heap->account);
	if (err)
		return err;
	arenas = watch->reading.heap;
	for (size_t i = 0; i < heap->region_cnt && !err; i++)
		err = heap__add_region(arenas, heap->regions[i].address, heap->regions[i].size);
	return err;
}

int memory_watch__read(struct memory_watch *watch, struct heap_source *source,
		       const struct heap_reading_options *options, struct counters *counters,
		       struct failure *failure)
{
	uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int err;

	process_memory__release(&watch->memory);
	watch->has_run = false;
	err = heap_source__read_others(source, options, &watch->reading, failure);
	if (!err)
		err = process_memory__divide(&watch->memory, source, watch->reading.heap, counters,
					     failure);
	if (err)
		process_memory__release(&watch->memory);
	watch->read_ns = clock_ns(CLOCK_MONOTONIC);
	watch->taken_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
	return err;
}
