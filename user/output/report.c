// SPDX-License-Identifier: BSD-2-Clause
#include "output/report.h"

#include <unistd.h>

void report__begin(struct report *report, const struct heap_source *source)
{
	*report = (struct report){
		.target = source->target,
		.account = source->account,
		.python = source->python,
		.allocator = heap_source__main(source)->name,
	};
	gethostname(report->host, sizeof(report->host) - 1);
	clock_gettime(CLOCK_REALTIME, &report->time);
}

double report__coverage(const struct report *report)
{
	const struct model_counts *counts = &report->tracing->totals.counts;
	uint64_t seen = counts->allocs + counts->frees;
	uint64_t missed = counts->missed_allocs + counts->missed_frees + counts->drift_blocks;
	uint64_t lost = counters__get(report->counters, COUNTER_LOST);

	if (missed < lost)
		missed = lost;
	return missed ? (double)seen / (double)(seen + missed) : 1.0;
}

uint64_t report__resident_bytes(const struct report *report)
{
	return report->memory_use ? report->memory_use->all.resident_bytes : 0;
}

uint64_t report__swapped_bytes(const struct report *report)
{
	return counters__get(report->counters, COUNTER_PAGES_SWAPPED) *
	       (uint64_t)sysconf(_SC_PAGESIZE);
}
