// SPDX-License-Identifier: BSD-2-Clause
#include "host/watched_report.h"

void watched_report__begin(struct report *report, const struct watched *watched, bool no_values)
{
	report__begin(report, watched->source);
	report->no_values = no_values;
	report->findings = &watched->last.findings;
	report->snapshot = (struct report_snapshot){.duration_ms = watched->last.duration_ms,
						    .target_slept = watched->has_slept};
	report->counters = &watched->last.counters;
}
