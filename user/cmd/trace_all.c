// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/trace_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/alerting.h"
#include "cmd/host_options.h"
#include "cmd/output.h"
#include "host/host.h"
#include "host/host_table.h"
#include "probes/keeper.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/end_signals.h"
#include "util/log.h"
#include "util/reader_gone.h"

/* How often it is looked at who has come and gone. */
#define TICK_NS 500000000L

/* Of each that was read since @since_ns. */
static int write_reports(const struct host *host, const struct options *options, uint64_t since_ns)
{
	struct watched *const *watched;
	size_t cnt = host__watched(host, &watched);
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++) {
		struct output output;

		if (!watched[i]->has_last || watched[i]->read_ns < since_ns)
			continue;
		output = output__of_watched(watched[i], options);
		err = output__write(&output, &watched[i]->last.findings);
	}
	return err;
}

static int write_all(const struct host *host, const struct options *options, uint64_t since_ns)
{
	int err;

	if (options->format == FORMAT_JSON)
		return write_reports(host, options, since_ns);
	err = host_table__write(host, options->no_values, stdout);
	if (err && !reader_gone__check(stdout))
		log_error("cannot write the table to stdout: %s", strerror(-err));
	return err;
}

static int run(struct host *host, struct alerting *alerting, const struct options *options,
	       int signal_fd)
{
	uint64_t interval_ns = (uint64_t)(options->interval_s * 1e9),
		 duration_ns = (uint64_t)(options->duration_s * 1e9);
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC), shown_ns = start_ns, next_ns = start_ns;
	bool ends = false;
	int err = 0;

	while (!err && !ends) {
		uint64_t now_ns;

		err = host__work(host);
		if (err) {
			log_error("cannot follow the host's processes: %s", strerror(-err));
			return err;
		}
		now_ns = clock_ns(CLOCK_MONOTONIC);
		ends = duration_ns && now_ns - start_ns >= duration_ns;
		err = alerting__check_host(alerting, host);
		if (!err && (now_ns >= next_ns || ends)) {
			err = write_all(host, options, shown_ns);
			shown_ns = now_ns;
			next_ns += interval_ns;
		}
		if (!ends && !err)
			ends = end_signals__wait(signal_fd, TICK_NS) != 0;
	}
	/* Who pins was asked for by then, and is read at once. */
	if (!err)
		err = host__work(host);
	alerting->alerts.is_last_check = true;
	return err ? err : alerting__check_host(alerting, host);
}

int trace_all__run(const struct options *options)
{
	const struct host_options host_options = host_options__of(options);
	_cleanup_(host__freep) struct host *host = NULL;
	_cleanup_(alerting__release) struct alerting alerting = {};
	_cleanup_close_ int signal_fd = end_signals__open();
	struct failure failure;
	int err;

	if (signal_fd < 0) {
		log_error("cannot wait for signals: %s", strerror(-signal_fd));
		return signal_fd;
	}
	/* Before there are threads. */
	err = options->sites ? keeper__start(NULL, &failure) : 0;
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	err = alerting__init(&alerting, options);
	if (err)
		return err;
	err = host__new(&host, &host_options, &failure);
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	return alerting__result(&alerting, run(host, &alerting, options, signal_fd));
}
