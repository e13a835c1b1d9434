// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/heap_snapshot.h"

#include <errno.h>

#include "target/live.h"
#include "target/reading_allowance.h"
#include "target/shortage.h"

void heap_snapshot__release(struct heap_snapshot *snapshot)
{
	heap_census__release(&snapshot->census);
	memory_use__release(&snapshot->memory_use);
	findings__free(&snapshot->findings);
	pinned_history__free(&snapshot->history);
	heap__free(snapshot->reading.heap);
	heap_source__free(snapshot->source);
	*snapshot = (struct heap_snapshot){};
}

static void describe_output(struct heap_snapshot *snapshot, const struct options *options)
{
	struct heap_census *census = &snapshot->census;

	snapshot->output.snapshot =
		(struct report_snapshot){.duration_ms = snapshot->reading.duration_ms,
					 .paused_ms = snapshot->reading.paused_ms};
	snapshot->output.memory_use = snapshot->knows_memory_use ? &snapshot->memory_use : NULL;
	snapshot->output.outside =
		census->graph && snapshot->knows_memory_use ? &census->outside : NULL;
	snapshot->output.census = census->report.census ? &census->report : NULL;
	snapshot->output.arena = options->arena ? &census->arena : NULL;
	snapshot->output.object = options->object ? &census->object : NULL;
	snapshot->output.holders = options->with_paths ? &census->holders : NULL;
	snapshot->output.advices = options->with_paths ? &census->advices : NULL;
}

/* Where that cannot be seen, the report does without. */
static int find_memory_use(struct heap_snapshot *snapshot, struct failure *failure)
{
	int err = memory_use__find(&snapshot->memory_use, snapshot->source->target,
				   snapshot->reading.heap);

	snapshot->knows_memory_use = !err;
	counters__add(&snapshot->counters, COUNTER_TEXTS_CUT,
		      snapshot->memory_use.smaps.mappings.is_cut);
	return account__is_short(err) ? shortage__describe(snapshot->source->target, err, failure)
				      : 0;
}

static int take_census(struct heap_snapshot *snapshot, const struct options *options,
		       struct failure *failure)
{
	const struct heap_census_of of = {
		.source = snapshot->source,
		.heap = snapshot->reading.heap,
		.pinned = &snapshot->findings.pinned,
		.memory_use = snapshot->knows_memory_use ? &snapshot->memory_use : NULL,
	};

	return heap_census__take(&snapshot->census, &of, options, &snapshot->counters, failure);
}

static int take(struct heap_snapshot *out, pid_t pid, const struct options *options,
		struct failure *failure)
{
	const struct heap_reading_options reading_options = {
		.pause = options->pause,
		.checkpoint = {.progress = output__show_progress},
	};
	struct target *target;
	int err = live__open(&target, pid, failure);

	if (!err)
		err = heap_source__open(&out->source, target, options->max_memory_bytes, NULL,
					failure);
	if (!err)
		err = heap_source__read(out->source, &reading_options, &out->reading,
					&out->counters, failure);
	if (err)
		return err;
	out->output = (struct output){
		.options = options,
		.source = out->source,
		.history = &out->history,
		.counters = &out->counters,
	};
	err = output__find(&out->output, out->reading.heap, &out->findings);
	if (err)
		return shortage__describe(out->source->target, err, failure);
	err = find_memory_use(out, failure);
	if (!err && heap_census__is_wanted(options))
		err = take_census(out, options, failure);
	if (!err)
		describe_output(out, options);
	return err;
}

int heap_snapshot__take(struct heap_snapshot *out, pid_t pid, const struct options *options,
			struct failure *failure)
{
	int err;

	reading_allowance__begin(READING_REFERENCES, pid, options->max_cpu_s);
	err = take(out, pid, options, failure);
	return reading_allowance__end(pid, err, failure);
}
