// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/options.h"

#include <stdlib.h>

void options__release(struct options *options)
{
	while (options->config_values) {
		struct config_value *value = options->config_values;

		options->config_values = value->next;
		free(value);
	}
}

bool options__is_given(const struct options *options, enum option_id id)
{
	return options->given & 1UL << id;
}

const struct report_writer *options__writer(const struct options *options)
{
	return report_writers__at(options->output.format);
}

/* In a trace of one process the budget is a share of the target's CPU time; here, of one core's. */
struct host_options options__host(const struct options *options)
{
	return (struct host_options){
		.filter = options->filter,
		.watched = {.findings = options->snapshot.findings,
			    .with_shared = true,
			    .with_memory = true,
			    .sites = options->sites,
			    .max_cpu_s = options->snapshot.reading.max_cpu_s,
			    .reads_swapped = options->snapshot.reading.swapped,
			    .probes_budget = options->trace.pace.budget},
		.max_memory_bytes = options->snapshot.reading.max_memory_bytes,
		.pace = options->trace.pace,
	};
}
