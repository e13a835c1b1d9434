// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>

#include "cmd/commands.h"
#include "output/report_writers.h"
#include "snapshot/heap_snapshot.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Rejects options that would have no effect: -EINVAL after one line on stderr. */
static int refuse_ignored(const struct options *options)
{
	static const enum option_id of_reports[] = {OPTION_JSON,  OPTION_MAP,	   OPTION_BLOCKS,
						    OPTION_BY,	  OPTION_TOP,	   OPTION_SINCE,
						    OPTION_PATHS, OPTION_RETAINED, OPTION_OBJECT,
						    OPTION_ARENA, OPTION_TIMEOUT,  0},
				    of_rows[] = {OPTION_TOP, 0}, of_since[] = {OPTION_TIMEOUT, 0};

	if (options->output.path)
		return command__refuse(&command_snapshot, options, of_reports,
				       "applies only to reports, but -o writes a database; leave "
				       "out one of the two");
	if (!options->snapshot.census.since &&
	    command__refuse(&command_snapshot, options, of_since, "requires --since"))
		return -EINVAL;
	return options__is_given(options, OPTION_BY) || options->snapshot.census.since
		       ? 0
		       : command__refuse(&command_snapshot, options, of_rows,
					 "requires --by or --since");
}

static int check_options(const struct options *options)
{
	if (command__refuse_arguments(&command_snapshot, options))
		return -EINVAL;
	if (options->pid)
		return refuse_ignored(options);
	log_error("snapshot: specify a process (-p PID)");
	return -EINVAL;
}

static int report_heap(const struct options *options, struct failure *failure)
{
	_cleanup_(heap_snapshot__release) struct heap_snapshot snapshot = {};
	_cleanup_(report_output__release) struct report_output output = {};
	const struct report_writer *writer =
		options->output.path ? &report_writer_database : options__writer(options);
	struct snapshot_options snapshot_options = options->snapshot;
	int err;

	snapshot_options.census.with_rows = options__is_given(options, OPTION_BY);
	snapshot_options.census.with_graph = writer->needs_graph;
	err = report_output__open(&output, writer, &options->output, failure);
	if (!err)
		err = heap_snapshot__take_live(&snapshot, options->pid, &snapshot_options, failure);
	if (!err)
		err = report_output__write(&output, &snapshot.report, failure);
	return err ? err : report_output__end(&output, failure);
}

static int run_snapshot(const struct options *options)
{
	struct failure failure = {};
	int err = check_options(options);

	if (err)
		return err;
	err = report_heap(options, &failure);
	if (err && *failure.text)
		log_error("%s", failure.text);
	return err;
}

const struct command command_snapshot = {
	.name = "snapshot",
	.arguments = "-p PID [OPTIONS]",
	.summary = "report the heap of a process as it is now",
	.description = "Reads the allocator's structures in the memory of a running CPython "
		       "process and reports which arenas are in use, which are pinned, and by "
		       "which blocks. pyfrag does not write to the process, and stops it only with "
		       "--pause. With -o, writes all blocks, objects and references to an SQLite "
		       "database instead of printing a report (see `pyfrag query`).",
	.options = (const enum option_id[]){OPTION_PID,	       OPTION_JSON,
					    OPTION_MAP,	       OPTION_PAUSE,
					    OPTION_SWAPPED,    OPTION_BELOW,
					    OPTION_BLOCKS,     OPTION_BY,
					    OPTION_TOP,	       OPTION_SINCE,
					    OPTION_PATHS,      OPTION_RETAINED,
					    OPTION_OBJECT,     OPTION_ARENA,
					    OPTION_NO_VALUES,  OPTION_OUTPUT,
					    OPTION_MAX_MEMORY, OPTION_MAX_CPU,
					    OPTION_TIMEOUT,    OPTION_VERBOSE,
					    OPTION_HELP,       0},
	.help =
		(const struct option_help[]){
			{OPTION_PAUSE, "stop the process until everything has been read, including "
				       "what --by, --paths and -o need"},
			{OPTION_OUTPUT, "write a database to FILE instead of printing a report"},
			{OPTION_JSON,
			 "write the report as one line of JSON (docs/report.schema.json)"},
			{}},
	.run = run_snapshot,
};
