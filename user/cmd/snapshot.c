// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/output.h"
#include "pymalloc/heap_source.h"
#include "target/offsets.h"
#include "util/cleanup.h"
#include "util/log.h"

static uint64_t count_writable_bytes(const struct process *process)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < process->map_cnt; i++)
		if (process->maps[i].writable)
			bytes += process->maps[i].end - process->maps[i].start;
	return bytes;
}

static void census_report__release(struct census_report *report)
{
	census_rows__release(&report->rows);
	census__free(report->census);
}

static int take_census(const struct heap_source *source, const struct heap *heap,
		       const struct options *options, struct census_report *out,
		       struct failure *failure)
{
	struct py_offsets offsets;
	const struct census_options census_options = {
		.major = source->python->major,
		.minor = source->python->minor,
		.debug_hooks = !strcmp(source->allocator_name, "pymalloc_debug"),
		.offsets = &offsets,
		.refcnt_max = count_writable_bytes(source->process) / sizeof(uint64_t),
	};
	const struct memory *memory = &source->process->memory.memory;
	struct census *census;
	int err = py_offsets__find(&offsets, source->python->major, source->python->minor,
				   source->python->runtime, memory, failure);

	if (err)
		return err;
	err = census__take(&census, heap, memory, &census_options);
	if (err)
		return failure__set(failure, err, "process %d (%s): cannot look at its objects: %s",
				    source->process->pid, source->process->comm, strerror(-err));
	*out = (struct census_report){.census = census, .by = options->by, .top = options->top};
	err = census__count(census, options->by, &out->rows);
	return err ? failure__set(failure, err, "out of memory") : 0;
}

static int run_snapshot(const struct options *options)
{
	_cleanup_(pinned_history__free) struct pinned_history history = {};
	_cleanup_(heap_source__freep) struct heap_source *source = NULL;
	_cleanup_(findings__free) struct findings findings = {};
	_cleanup_(census_report__release) struct census_report census_report = {};
	_cleanup_(heap__freep) struct heap *heap = NULL;
	const struct heap_reading_options reading_options = {
		.pause = options->pause,
		.checkpoint = {.max_memory_bytes = options->max_memory_bytes,
			       .progress = output__show_progress},
	};
	struct output output = {.options = options, .history = &history};
	uint64_t counters[COUNTER_CNT] = {};
	struct heap_reading reading = {};
	struct failure failure;
	int err;

	if (options__refuse_arguments(&command_snapshot, options))
		return -EINVAL;
	if (!options->pid) {
		log_error("snapshot: which process? give one with -p PID");
		return -EINVAL;
	}
	err = heap_source__open(&source, options->pid, &failure);
	if (!err)
		err = heap_source__read(source, &reading_options, &reading, counters, &failure);
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	heap = reading.heap;
	output.source = source;
	output.snapshot = (struct report_snapshot){.duration_ms = reading.duration_ms,
						   .paused_ms = reading.paused_ms};
	output.counters = counters;
	err = output__find(&output, heap, &findings);
	if (err)
		failure__set(&failure, err, "out of memory");
	if (!err && options->with_census)
		err = take_census(source, heap, options, &census_report, &failure);
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	output.census = census_report.census ? &census_report : NULL;
	return output__write(&output, &findings);
}

const struct command command_snapshot = {
	.name = "snapshot",
	.arguments = "-p PID [OPTIONS]",
	.summary = "report the heap of a process as it is now",
	.description =
		"Reads the allocator's own structures in the memory of a running CPython process and\n"
		"reports which arenas are in use, which are pinned, and by which blocks. The process is\n"
		"not written to, nor stopped (unless asked to with --pause).",
	.options = (const enum option_id[]){OPTION_PID, OPTION_JSON, OPTION_MAP, OPTION_PAUSE,
					    OPTION_BELOW, OPTION_BLOCKS, OPTION_BY, OPTION_TOP,
					    OPTION_MAX_MEMORY, OPTION_VERBOSE, OPTION_HELP, 0},
	.run = run_snapshot,
};
