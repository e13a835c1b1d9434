// SPDX-License-Identifier: BSD-2-Clause
#include "snapshot/heap_snapshot.h"

#include "output/progress.h"
#include "source/allocators.h"
#include "target/live.h"
#include "target/reading_allowance.h"
#include "target/shortage.h"
#include "util/clock.h"

void heap_snapshot__release(struct heap_snapshot *snapshot)
{
	heap_census__release(&snapshot->census);
	process_memory__release(&snapshot->memory);
	findings__free(&snapshot->findings);
	pinned_history__free(&snapshot->history);
	heap_reading__release(&snapshot->reading);
	heap_source__free(snapshot->source);
	*snapshot = (struct heap_snapshot){};
}

static int take_census(struct heap_snapshot *snapshot, const struct snapshot_options *options,
		       struct failure *failure)
{
	const struct heap_census_of of = {
		.source = snapshot->source,
		.heap = snapshot->reading.heap,
		.pinned = &snapshot->findings.pinned,
		.mallocs = snapshot->memory.mallocs,
	};
	int err = heap_census__take(&snapshot->census, &of, options, &snapshot->counters, failure);

	if (!err)
		heap_census__add_to(&snapshot->census, &of, &options->census, &snapshot->report);
	return err;
}

static int collect_findings(struct heap_snapshot *snapshot, const struct findings_options *options,
			    struct failure *failure)
{
	int err = findings__collect(&snapshot->findings, snapshot->reading.heap,
				    snapshot->source->target, options, &snapshot->history,
				    clock_ns(CLOCK_MONOTONIC), &snapshot->counters);

	return err ? shortage__describe(snapshot->source->target, err, failure) : 0;
}

static void begin_report(struct heap_snapshot *snapshot, const struct heap_census_options *options)
{
	struct report *report = &snapshot->report;

	report__begin(report, snapshot->source);
	report->no_values = options->no_values;
	report->findings = &snapshot->findings;
	report->memory_use = memory_use__if_known(&snapshot->memory.use);
	report->malloc_use = process_memory__malloc(&snapshot->memory);
	report->malloc_map = process_memory__map(&snapshot->memory);
	report->other_mallocs = &snapshot->memory.other_mallocs;
	report->loaded_mallocs = &snapshot->memory.loaded_mallocs;
	report->snapshot.duration_ms = snapshot->reading.duration_ms;
	report->counters = &snapshot->counters;
}

static int read_process(struct heap_snapshot *out, struct target *target,
			const struct snapshot_options *options, struct failure *failure)
{
	const struct heap_reading_options reading_options = {
		.with_others = true,
		.checkpoint = {.progress = progress__show_reading},
	};
	int err;

	target->memory->reads_swapped = options->reading.swapped;
	err = heap_source__open(&out->source, allocators, target, options->reading.max_memory_bytes,
				NULL, failure);
	if (!err)
		err = heap_source__read(out->source, &reading_options, &out->reading,
					&out->counters, failure);
	if (!err)
		err = collect_findings(out, &options->findings, failure);
	if (!err)
		err = process_memory__divide(&out->memory, out->source, out->reading.heap,
					     options->findings.with_map ? MEMORY_DRAWN
									: MEMORY_COMPLETE,
					     &out->counters, failure);
	if (err)
		return err;
	begin_report(out, &options->census);
	return heap_census__is_wanted(&options->census) ? take_census(out, options, failure) : 0;
}

/*
 * The content of a block is read after it is known which blocks are live, so one pause has to cover
 * both. A failure to find the heap frees @target, which ends the pause, too.
 */
int heap_snapshot__take(struct heap_snapshot *out, struct target *target,
			const struct snapshot_options *options, struct failure *failure)
{
	int err = options->reading.pause ? target__pause(target, failure) : 0;

	if (err) {
		target__free(target);
		return err;
	}
	err = read_process(out, target, options, failure);
	if (options->reading.pause && out->source)
		out->report.snapshot.paused_ms = (double)target__resume(target) / 1e6;
	return err;
}

int heap_snapshot__take_live(struct heap_snapshot *out, pid_t pid,
			     const struct snapshot_options *options, struct failure *failure)
{
	struct target *target;
	int err;

	reading_allowance__begin(READING_REFERENCES, pid, options->reading.max_cpu_s);
	err = live__open(&target, pid, failure);
	if (!err)
		err = heap_snapshot__take(out, target, options, failure);
	return reading_allowance__end(pid, err, failure);
}
