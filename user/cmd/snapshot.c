// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>

#include "cmd/commands.h"
#include "cmd/heap_database.h"
#include "cmd/heap_snapshot.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/out_file.h"

static int write_database(const struct heap_snapshot *snapshot, const struct options *options)
{
	const struct heap_database_of of = heap_database_of__snapshot(snapshot);
	struct failure failure;
	int err = heap_database__write(options->output_path, &of, options, &failure);

	if (err)
		log_error("%s", failure.text);
	return err;
}

/* Options that would have no effect. */
static int refuse_ignored(const struct options *options)
{
	static const enum option_id of_reports[] = {OPTION_JSON,
						    OPTION_MAP,
						    OPTION_BLOCKS,
						    OPTION_BY,
						    OPTION_TOP,
						    OPTION_SINCE,
						    OPTION_PATHS,
						    OPTION_OBJECT,
						    OPTION_ARENA,
						    OPTION_TIMEOUT,
						    0},
				    of_rows[] = {OPTION_TOP, 0}, of_since[] = {OPTION_TIMEOUT, 0};

	if (options->output_path)
		return options__refuse(
			&command_snapshot, options, of_reports,
			"applies to reports, and -o writes a database instead of a report; leave "
			"out one of them");
	if (!options->since &&
	    options__refuse(&command_snapshot, options, of_since, "requires --since"))
		return -EINVAL;
	return options__is_given(options, OPTION_BY) || options->since
		       ? 0
		       : options__refuse(&command_snapshot, options, of_rows,
					 "requires --by or --since");
}

static int run_snapshot(const struct options *given)
{
	_cleanup_(heap_snapshot__release) struct heap_snapshot snapshot = {};
	struct options options = *given;
	struct failure failure;
	int err;

	if (options__refuse_arguments(&command_snapshot, &options))
		return -EINVAL;
	if (!options.pid) {
		log_error("snapshot: give a process with -p PID");
		return -EINVAL;
	}
	if (refuse_ignored(&options))
		return -EINVAL;
	options.with_database = options.output_path != NULL;
	err = options.output_path ? out_file__check(options.output_path, &failure) : 0;
	if (!err)
		err = heap_snapshot__take(&snapshot, options.pid, &options, &failure);
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	if (options.with_database)
		return write_database(&snapshot, &options);
	return output__write(&snapshot.output, &snapshot.findings);
}

const struct command command_snapshot = {
	.name = "snapshot",
	.arguments = "-p PID [OPTIONS]",
	.summary = "report the heap of a process as it is now",
	.description =
		"Reads the allocator's structures in the memory of a running CPython process "
		"and reports which arenas are in use, which are pinned, and by which blocks. "
		"pyfrag does not write to the process, and stops it only with --pause. With -o, "
		"writes everything in the heap and all references into an SQLite database "
		"instead of a report (see `pyfrag query`).",
	.options =
		(const enum option_id[]){
			OPTION_PID,	  OPTION_JSON,	  OPTION_MAP,	     OPTION_PAUSE,
			OPTION_BELOW,	  OPTION_BLOCKS,  OPTION_BY,	     OPTION_TOP,
			OPTION_SINCE,	  OPTION_PATHS,	  OPTION_OBJECT,     OPTION_ARENA,
			OPTION_NO_VALUES, OPTION_OUTPUT,  OPTION_MAX_MEMORY, OPTION_MAX_CPU,
			OPTION_TIMEOUT,	  OPTION_VERBOSE, OPTION_HELP,	     0},
	.help =
		(const struct option_help[]){
			{OPTION_OUTPUT, "write a database to FILE instead of a report"},
			{OPTION_JSON,
			 "write the report as one line of JSON (docs/report.schema.json)"},
			{}},
	.run = run_snapshot,
};
