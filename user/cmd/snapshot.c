// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>

#include "cmd/commands.h"
#include "cmd/output.h"
#include "pymalloc/heap_source.h"
#include "util/cleanup.h"
#include "util/log.h"

static int run_snapshot(const struct options *options)
{
	_cleanup_(pinned_history__free) struct pinned_history history = {};
	_cleanup_(heap_source__freep) struct heap_source *source = NULL;
	_cleanup_(findings__free) struct findings findings = {};
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
	if (err) {
		log_error("out of memory");
		return err;
	}
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
					    OPTION_BELOW, OPTION_BLOCKS, OPTION_MAX_MEMORY,
					    OPTION_VERBOSE, OPTION_HELP, 0},
	.run = run_snapshot,
};
