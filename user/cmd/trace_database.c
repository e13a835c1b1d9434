// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/trace_database.h"

#include <errno.h>

#include "cmd/heap_census.h"
#include "cmd/heap_database.h"
#include "target/reading_allowance.h"
#include "target/shortage.h"
#include "util/cleanup.h"

int trace_database__write(const struct output *traced, const struct findings *findings,
			  const struct heap *heap, const struct site_ledger *ledger,
			  struct failure *failure)
{
	_cleanup_(heap_census__release) struct heap_census census = {};
	_cleanup_(memory_use__release) struct memory_use memory_use = {};
	const struct target *target = traced->source->target;
	struct options options = *traced->options;
	struct output output = *traced;
	const struct heap_database_of of = {
		.output = &output,
		.findings = findings,
		.heap = heap,
		.census = &census,
		.ledger = ledger,
	};
	int err;

	if (output.process_gone)
		return failure__set(
			failure, -ESRCH,
			"process %d (%s) has ended, and its heap with it, so there is no database; "
			"end the trace before the process ends (-d)",
			target->pid, target->comm);
	options.with_database = true;
	/* What is written then is bounded by what was found. */
	reading_allowance__begin(READING_REFERENCES, target->pid, options.max_cpu_s);
	err = memory_use__find(&memory_use, target, heap);
	if (account__is_short(err))
		return reading_allowance__end(target->pid, shortage__describe(target, err, failure),
					      failure);
	if (!err)
		output.memory_use = &memory_use;
	err = heap_census__take(&census,
				&(struct heap_census_of){
					.source = output.source,
					.heap = heap,
					.pinned = &findings->pinned,
					.memory_use = output.memory_use,
				},
				&options, output.counters, failure);
	err = reading_allowance__end(target->pid, err, failure);
	output.census = &census.report;
	output.outside = output.memory_use ? &census.outside : NULL;
	return err ? err : heap_database__write(options.output_path, &of, &options, failure);
}
