// SPDX-License-Identifier: BSD-2-Clause
#include "report/report.h"

double report_tracing__coverage(const struct report_tracing *tracing)
{
	uint64_t seen = tracing->allocs + tracing->frees;
	uint64_t missed = tracing->missed_allocs + tracing->missed_frees + tracing->drift_blocks;

	return missed ? (double)seen / (double)(seen + missed) : 1.0;
}
