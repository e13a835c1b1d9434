// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/trace_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/host.h"
#include "host/host_alerts.h"
#include "host/host_table.h"
#include "host/watched_report.h"
#include "probes/keeper.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/end_signals.h"
#include "util/log.h"
#include "util/reader_gone.h"

/* How often to look for new and ended processes. */
#define TICK_NS 500000000L

/* State during the trace. */
struct trace_all {
	const struct options *options;
	struct host *host;
	struct alerting alerting;
	struct report_output output;
	int signal_fd;
};

static void trace_all__release(struct trace_all *trace)
{
	alerting__release(&trace->alerting);
	report_output__release(&trace->output);
	host__free(trace->host);
	closep(&trace->signal_fd);
}

/* Writes a report of each process read since @since_ns. */
static int write_reports(struct trace_all *trace, uint64_t since_ns, struct failure *failure)
{
	struct watched *const *watched;
	size_t cnt = host__watched(trace->host, &watched);
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++) {
		struct report report;

		if (!watched[i]->has_last || watched[i]->read_ns < since_ns)
			continue;
		watched_report__begin(&report, watched[i],
				      trace->options->snapshot.census.no_values);
		err = report_output__write(&trace->output, &report, failure);
	}
	return err;
}

/* Writes a report per process, or in text a table. */
static int write_all(struct trace_all *trace, uint64_t since_ns, struct failure *failure)
{
	int err;

	if (trace->output.writer != &report_writer_text)
		return write_reports(trace, since_ns, failure);
	err = host_table__write(trace->host, trace->options->snapshot.census.no_values, stdout);
	if (!err || reader_gone__check(stdout))
		return err;
	return failure__set(failure, err, "cannot write the table to stdout: %s", strerror(-err));
}

static int check_alerts(struct trace_all *trace, struct failure *failure)
{
	int err = host_alerts__check(&trace->alerting.alerts, trace->host, alerting__report,
				     &trace->alerting);

	return err ? failure__set(failure, err, "out of memory") : 0;
}

static int work(struct trace_all *trace, struct failure *failure)
{
	int err = host__work(trace->host);

	return err ? failure__set(failure, err, "cannot watch the processes on this host: %s",
				  strerror(-err))
		   : check_alerts(trace, failure);
}

static int run(struct trace_all *trace, struct failure *failure)
{
	const struct trace_options *options = &trace->options->trace;
	uint64_t interval_ns = (uint64_t)(options->pace.interval_s * 1e9),
		 duration_ns = (uint64_t)(options->duration_s * 1e9);
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC), shown_ns = start_ns, next_ns = start_ns;
	bool ends = false;
	int err = 0;

	while (!err && !ends) {
		uint64_t now_ns;

		err = work(trace, failure);
		if (err)
			return err;
		now_ns = clock_ns(CLOCK_MONOTONIC);
		ends = duration_ns && now_ns - start_ns >= duration_ns;
		if (now_ns >= next_ns || ends) {
			err = write_all(trace, shown_ns, failure);
			shown_ns = now_ns;
			next_ns += interval_ns;
		}
		if (!ends && !err)
			ends = end_signals__wait(trace->signal_fd, TICK_NS) != 0;
	}
	if (err)
		return err;
	/*
	 * The kinds of pinning objects requested so far are read at once, so the last check need
	 * not wait for them.
	 */
	trace->alerting.alerts.is_last_check = true;
	return work(trace, failure);
}

static int begin(struct trace_all *trace, struct failure *failure)
{
	struct host_options host_options = options__host(trace->options);
	int err;

	if (trace->signal_fd < 0)
		return failure__set(failure, trace->signal_fd, "cannot wait for signals: %s",
				    strerror(-trace->signal_fd));
	/* Must precede the first thread. */
	err = trace->options->sites ? keeper__start(NULL, failure) : 0;
	if (!err)
		err = alerting__init(&trace->alerting, &trace->options->alerting, failure);
	if (!err)
		err = report_output__open(&trace->output, options__writer(trace->options),
					  &trace->options->output, failure);
	if (err)
		return err;
	/* The table does not show it. */
	host_options.watched.with_memory = alerts__need_memory(&trace->alerting.alerts);
	return host__new(&trace->host, &host_options, failure);
}

int trace_all__run(const struct options *options)
{
	_cleanup_(trace_all__release) struct trace_all trace = {.options = options,
								.signal_fd = end_signals__open()};
	struct failure failure = {};
	int err = begin(&trace, &failure);

	if (!err)
		err = run(&trace, &failure);
	if (err && *failure.text)
		log_error("%s", failure.text);
	return alerting__result(&trace.alerting, err);
}
