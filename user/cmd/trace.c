// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/trace_all.h"
#include "output/report_writers.h"
#include "probes/keeper.h"
#include "trace/trace_session.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Rejects options that would have no effect: -EINVAL after one line on stderr. */
static int refuse_ignored(const struct options *options)
{
	static const enum option_id of_one[] = {OPTION_STACKS, OPTION_SAMPLE_BYTES, OPTION_MAP,
						OPTION_PAUSE,  OPTION_NO_CACHE,	    0},
				    of_json[] = {OPTION_JSON, 0}, of_value[] = {OPTION_VALUE, 0},
				    of_reports[] = {OPTION_MAP, OPTION_BLOCKS, 0},
				    of_alerts[] = {OPTION_ALERT_TO, 0};
	const struct report_writer *writer = options__writer(options);
	int err = 0;

	if (options->all)
		err = command__refuse(&command_trace, options, of_one,
				      "applies only to a single process; use -p PID instead of -a");
	if (!err && writer != &report_writer_json)
		err = command__refuse(&command_trace, options, of_json,
				      "contradicts --format; leave out one of them");
	if (!err && !writer->takes_value)
		err = command__refuse(
			&command_trace, options, of_value,
			"requires --format collapsed (pprof profiles contain all values)");
	if (!err && writer->at_end)
		err = command__refuse(&command_trace, options, of_reports,
				      "applies only to --format text and json; leave out this "
				      "option or --format");
	if (!err && !options->alerting.rules.cnt)
		err = command__refuse(&command_trace, options, of_alerts, "requires --alert");
	return err;
}

/* Checks that the options fit the writer; returns as above. */
static int check_output(const struct options *options)
{
	const struct report_writer *writer = options__writer(options);

	if (options->output.path && !writer->at_end)
		log_error("trace: -o requires --format %s; reports are written to stdout",
			  report_writers__at_end().text);
	else if (writer->needs_file && !options->output.path)
		log_error("trace: --format %s requires a file; use -o FILE", writer->name);
	else if (writer->needs_sites && options->trace.stacks == STACKS_NONE)
		log_error("trace: --format %s requires stacks; leave out --stacks none",
			  writer->name);
	else if (writer->is_binary && !options->output.path && isatty(STDOUT_FILENO))
		log_error("trace: refusing to write binary output (--format %s) to a terminal; use "
			  "-o FILE",
			  writer->name);
	else
		return refuse_ignored(options);
	return -EINVAL;
}

/* Rejects contradictory options; returns as above. */
static int check_options(const struct options *options)
{
	const struct host_filter *filter = &options->filter;
	bool is_full = options->trace.mode == TRACE_FULL;
	int what_cnt = !!options->pid + !!options->argument_cnt + options->all;

	if (!what_cnt)
		log_error("trace: specify -p PID, -a, or a command (-- CMD)");
	else if (what_cnt > 1)
		log_error("trace: specify only one of -p PID, -a and -- CMD");
	else if (options->all && (is_full || options__writer(options)->at_end))
		log_error("trace: -a supports only --mode watch and --format text or json; "
			  "otherwise use -p PID");
	else if (!options->all && (filter->comm || filter->user || filter->cgroup ||
				   filter->match || options->sites))
		log_error("trace: --comm, --user, --cgroup, --match and --sites require -a");
	else if (is_full && options__is_given(options, OPTION_BUDGET))
		log_error("trace: --mode full has no budget; leave out --mode full or --budget");
	else
		return check_output(options);
	return -EINVAL;
}

/* Polls until the trace ends. */
static int follow(struct trace_session *session, struct failure *failure)
{
	struct pollfd due = {.fd = trace_session__fd(session), .events = POLLIN};
	enum trace_happened happened = TRACE_NOTHING;
	int err = trace_session__poll(session, &happened, failure);

	while (!err && happened != TRACE_ENDED) {
		poll(&due, 1, -1);
		err = trace_session__poll(session, &happened, failure);
	}
	return err;
}

/* Logs errors before the probes are removed, since removing them may take a while. */
static int end(const struct trace_session *session, int err, const struct failure *failure)
{
	if (err && *failure->text)
		log_error("%s", failure->text);
	if (session)
		trace_session__log_end(session);
	return err;
}

static int trace_process(const struct options *options, struct report_output *output,
			 struct alerting *alerting)
{
	_cleanup_(trace_session__freep) struct trace_session *session = NULL;
	const struct trace_setup setup = {
		.pid = options->pid,
		.command = options->arguments,
		.trace = &options->trace,
		.snapshot = &options->snapshot,
		.output = output,
		.alerting = alerting,
	};
	struct failure failure = {};
	int err = keeper__start(NULL, &failure); /* must precede the first thread */

	if (!err)
		err = alerting__init(alerting, &options->alerting, &failure);
	if (!err)
		err = report_output__open(output, options__writer(options), &options->output,
					  &failure);
	if (!err)
		err = trace_session__start(&session, &setup, &failure);
	if (!err)
		err = follow(session, &failure);
	return end(session, err, &failure);
}

static int run_trace(const struct options *options)
{
	_cleanup_(alerting__release) struct alerting alerting = {};
	_cleanup_(report_output__release) struct report_output output = {};
	int err = check_options(options);

	if (err)
		return err;
	if (options->all)
		return trace_all__run(options);
	err = trace_process(options, &output, &alerting);
	return alerting__result(&alerting, err);
}

const struct command command_trace = {
	.name = "trace",
	.arguments = "-p PID [OPTIONS]\n       pyfrag trace -a [OPTIONS]\n       pyfrag trace "
		     "[OPTIONS] -- CMD [ARG]...",
	.starts_command = true,
	.summary = "follow the heap of a process, reporting at intervals",
	.description =
		"Reports the heap of a running CPython process immediately, then at every "
		"interval, and once more at the end: at Ctrl-C, after --duration, or when the "
		"process exits or executes another program. With a command instead of a process, "
		"starts the command and traces it from its first allocation.\nMode watch rereads "
		"the changed parts of the heap for each report, probes the code that grows and "
		"shrinks the heap, and uses the rest of --budget for short bursts during which it "
		"records every allocation and free.\nMode full records every allocation and free "
		"throughout the trace, at a cost of about one microsecond per event.\nWith -a, "
		"lists all Python processes on the host, one line each (with --json, one report "
		"each), including those that start later. -a only reads heaps; it inserts probes "
		"only with --sites. With -a, --budget is a share of one core.",
	.options = (const enum option_id[]){OPTION_PID,
					    OPTION_ALL,
					    OPTION_COMM,
					    OPTION_USER,
					    OPTION_CGROUP,
					    OPTION_MATCH,
					    OPTION_ALERT,
					    OPTION_ALERT_TO,
					    OPTION_SITES,
					    OPTION_INTERVAL,
					    OPTION_DURATION,
					    OPTION_MODE,
					    OPTION_BUDGET,
					    OPTION_STACKS,
					    OPTION_SAMPLE_BYTES,
					    OPTION_FORMAT,
					    OPTION_VALUE,
					    OPTION_OUTPUT,
					    OPTION_NO_VALUES,
					    OPTION_JSON,
					    OPTION_MAP,
					    OPTION_PAUSE,
					    OPTION_SWAPPED,
					    OPTION_BELOW,
					    OPTION_BLOCKS,
					    OPTION_MAX_MEMORY,
					    OPTION_MAX_CPU,
					    OPTION_NO_CACHE,
					    OPTION_VERBOSE,
					    OPTION_HELP,
					    0},
	.help =
		(const struct option_help[]){
			{OPTION_MAX_MEMORY, "limit on the memory that pyfrag uses per process; "
					    "with --all: for all processes together"},
			{OPTION_MAX_CPU,
			 "CPU time limit for reading a process once (default 20, plus 20 for each "
			 "GiB of its anonymous memory; for the heap that --format database writes, "
			 "20 plus 100 for each GiB)"},
			{}},
	.run = run_trace,
};
