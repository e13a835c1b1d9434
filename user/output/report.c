// SPDX-License-Identifier: BSD-2-Clause
#include "output/report.h"

double report__coverage(const struct report *report)
{
	const struct report_tracing *tracing = report->tracing;
	uint64_t seen = tracing->allocs + tracing->frees;
	uint64_t missed = tracing->missed_allocs + tracing->missed_frees + tracing->drift_blocks;
	uint64_t lost = counters__get(report->counters, COUNTER_LOST);

	if (missed < lost)
		missed = lost;
	return missed ? (double)seen / (double)(seen + missed) : 1.0;
}

double report_cost__share(const struct report_cost *cost)
{
	double all_ns = (double)cost->cpu_ns, spent_ns = (double)cost->spent_ns;
	double own_ns = all_ns - spent_ns;

	/* What a hit costs is an estimate: it may come to more than there was. */
	if (own_ns < all_ns / 100)
		own_ns = all_ns / 100;
	return own_ns > 0 ? spent_ns / own_ns : 0;
}
