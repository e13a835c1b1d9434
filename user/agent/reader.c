// SPDX-License-Identifier: BSD-2-Clause
#include "agent/reader.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/alert_wire.h"
#include "agent/broker.h"
#include "agent/confinement.h"
#include "agent/message.h"
#include "agent/namer.h"
#include "agent/pages.h"
#include "agent/usage.h"
#include "alerts/alerts.h"
#include "host/host_alerts.h"
#include "host/watched_report.h"
#include "output/report_writers.h"
#include "probes/features.h"
#include "probes/keeper.h"
#include "probes/uprobe_group.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/units.h"

#define TICK_NS 500000000UL

struct reader {
	const struct reader_options *options;
	int fd;
	struct inbox inbox;
	struct host *host;
	struct alerts alerts;
	struct pages pages;
	/* The server's counters and the agent's processes, from the last MESSAGE_SERVED. */
	struct host_metrics_extra served;
	pid_t parts[PARTS_MAX];
	size_t part_cnt;
	int err; /* why a message could not be sent */
};

static void send_alert(void *context, const struct alert_rule *rule, const struct alert *alert)
{
	_cleanup_(packer__release) struct packer packer = {};
	struct reader *reader = context;
	int err;

	alert_wire__pack(&packer, rule, alert);
	err = message__send(reader->fd, MESSAGE_ALERT, &packer, MESSAGE_WAIT);
	if (err)
		reader->err = err;
}

static int send_page(const struct reader *reader, enum page_kind kind,
		     const struct host_metrics_extra *extra)
{
	_cleanup_(packer__release) struct packer packer = {};
	struct page page;
	int err = page__write(&page, kind, reader->host, extra);

	if (err)
		return err;
	packer__add_u64(&packer, kind);
	if (page.size <= PAGE_BYTES_MAX)
		packer__add_bytes(&packer, page.text, page.size);
	else
		log_warning("a page is too large to serve (%zu bytes)", page.size);
	free(page.text);
	return message__send(reader->fd, MESSAGE_PAGE, &packer, MESSAGE_WAIT);
}

static int send_pages(struct reader *reader)
{
	struct host_metrics_extra extra = reader->served;
	struct usage usage;
	int err = 0;

	extra.alerts_firing = alerts__firing_cnt(&reader->alerts);
	extra.alerts_fired = reader->alerts.fired_cnt;
	if (!pages__are_old(&reader->pages, reader->host, &extra))
		return 0;
	usage = usage__of(reader->parts, reader->part_cnt);
	extra.cpu_s = usage.cpu_s;
	extra.resident_bytes = usage.resident_bytes;
	for (int kind = 0; kind < PAGE_CNT && !err; kind++)
		err = send_page(reader, (enum page_kind)kind, &extra);
	if (!err)
		pages__note(&reader->pages, reader->host, &extra);
	return err;
}

static int send_health(const struct reader *reader)
{
	_cleanup_(packer__release) struct packer packer = {};

	packer__add_u64(&packer, host__is_stuck(reader->host));
	packer__add_u64(&packer, host__is_stale(reader->host));
	return message__send(reader->fd, MESSAGE_HEALTH, &packer, MESSAGE_WAIT);
}

static int work(struct reader *reader)
{
	int err = host__work(reader->host);

	if (!err)
		err = host_alerts__check(&reader->alerts, reader->host, send_alert, reader);
	if (!err)
		err = send_pages(reader);
	if (!err)
		err = send_health(reader);
	return err ? err : reader->err;
}

static char *write_report(const struct reader *reader, struct watched *watched, size_t *size)
{
	struct report_output output = {.writer = &report_writer_json};
	struct failure failure;
	struct report report;
	char *text = NULL;
	int err;

	output.stream = open_memstream(&text, size);
	if (!output.stream)
		return NULL;
	watched_report__begin(&report, watched, reader->options->hides_cmdlines);
	err = report_output__write(&output, &report, &failure);
	if (fclose(output.stream) || err) {
		free(text);
		return NULL;
	}
	return text;
}

static int send_report(const struct reader *reader, const struct message *message)
{
	_cleanup_(packer__release) struct packer packer = {};
	_cleanup_free_ char *text = NULL;
	struct cursor cursor = cursor__of(message);
	uint64_t number = cursor__u64(&cursor), pid = cursor__u64(&cursor),
		 start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	enum report_result result = REPORT_NO_SUCH;
	struct watched *watched;
	size_t size = 0;

	if (!cursor__is_done(&cursor))
		return -EPROTO;
	watched = pid <= INT_MAX ? host__find(reader->host, (pid_t)pid) : NULL;
	if (watched && watched->has_last) {
		text = write_report(reader, watched, &size);
		result = text ? REPORT_OK : REPORT_NO_MEMORY;
	}
	if (size > REPORT_BYTES_MAX) {
		result = REPORT_TOO_LARGE;
		size = 0;
	}
	packer__add_u64(&packer, number);
	packer__add_u64(&packer, result);
	packer__add_u64(&packer, clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns);
	packer__add_bytes(&packer, text, size);
	return message__send(reader->fd, MESSAGE_REPORT, &packer, MESSAGE_WAIT);
}

static int apply(void *context, const struct reader_config *config)
{
	_cleanup_(alerts__release) struct alerts fresh = {};
	struct reader *reader = context;
	struct failure failure;
	int err = alerts__add_rules(&fresh, config->rules, &failure);

	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	alerts__replace_rules(&reader->alerts, &fresh, send_alert, reader);
	host__set_pace(reader->host, &config->pace);
	log_note("configuration reloaded: %s, interval %g s",
		 units__counted(config->rules->cnt, "alert rule").text, config->pace.interval_s);
	return 0;
}

static int take_served(struct reader *reader, const struct message *message)
{
	struct cursor cursor = cursor__of(message);
	size_t cnt = 0;

	reader->served.scrapes = cursor__u64(&cursor);
	reader->served.scrape_s = cursor__double(&cursor);
	reader->served.alerts_undelivered = cursor__u64(&cursor);
	reader->served.connections_closed = cursor__u64(&cursor);
	reader->served.reports_written = cursor__u64(&cursor);
	reader->served.requests_refused = cursor__u64(&cursor);
	reader->served.serving_held_back = cursor__u64(&cursor);
	while (cnt < PARTS_MAX && cursor.at < cursor.end)
		reader->parts[cnt++] = (pid_t)cursor__u64(&cursor);
	reader->part_cnt = cnt;
	return cursor__is_done(&cursor) ? 0 : -EPROTO;
}

static int take_message(struct reader *reader, const struct message *message)
{
	const struct reader_options *options = reader->options;

	switch (message->type) {
	case MESSAGE_RELOAD:
		if (options->reload(options->context, apply, reader))
			log_warning("the previous configuration remains in use");
		return reader->err;
	case MESSAGE_SERVED:
		return take_served(reader, message);
	default:
		return send_report(reader, message);
	}
}

/* Handles messages until the next tick. A peer that sends without end does not delay the tick. */
static int wait_for_tick(struct reader *reader)
{
	uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + TICK_NS, now_ns;
	struct pollfd on_message = {.fd = reader->fd, .events = POLLIN};
	int err = 0;

	while (!err && (now_ns = clock_ns(CLOCK_MONOTONIC)) < until_ns) {
		_cleanup_(message__release) struct message message = {};
		int taken;

		if (poll(&on_message, 1, (int)((until_ns - now_ns) / 1000000) + 1) <= 0)
			continue;
		taken = inbox__take(&reader->inbox, &message);
		err = taken > 0 ? take_message(reader, &message) : taken;
	}
	return err;
}

/*
 * Starts the keeper, and opens what kernels without uprobe_multi (before 6.6) need to attach
 * probes.
 */
static int prepare_probes(struct failure *failure)
{
	struct features features;
	int err = keeper__start(confinement__of_keeper, failure);

	if (!err && !features__detect(&features) && !features.uprobe_multi)
		uprobe_group__keep_open();
	return err;
}

static int begin(struct reader *reader, struct failure *failure)
{
	const struct reader_options *options = reader->options;
	bool probes = options->host.watched.sites != 0;
	int err = probes ? prepare_probes(failure) : 0;

	if (!err)
		err = host__new(&reader->host, &options->host, failure);
	if (!err)
		err = confinement__of_reader(probes, failure);
	return err ? err : alerts__add_rules(&reader->alerts, options->config.rules, failure);
}

static int run(struct reader *reader)
{
	int err = message__send(reader->fd, MESSAGE_READY, NULL, MESSAGE_WAIT);

	while (!err) {
		err = work(reader);
		if (!err)
			err = wait_for_tick(reader);
	}
	return err;
}

static void send_failure(int fd, const char *why)
{
	_cleanup_(packer__release) struct packer packer = {};

	packer__add_text(&packer, why);
	message__send(fd, MESSAGE_FAILED, &packer, MESSAGE_WAIT);
}

int reader__run(int fd, const void *context)
{
	static const message_limits limits = {
		[MESSAGE_RELOAD] = 1,
		[MESSAGE_SERVED] = (7 + PARTS_MAX) * sizeof(uint64_t) + 1,
		[MESSAGE_ASK_REPORT] = 2 * sizeof(uint64_t) + 1,
	};
	const struct reader_options *options = context;
	struct reader reader = {.options = options,
				.fd = fd,
				.inbox = {.fd = fd, .limits = limits},
				.parts = {getpid()},
				.part_cnt = 1};
	struct failure failure = {};
	int err;

	broker__use(options->broker_fd);
	namer__use(options->namer_fd);
	err = begin(&reader, &failure);
	if (!err) {
		err = run(&reader);
		failure__set(&failure, err, "pyfrag-reader failed: %s; the agent exits",
			     strerror(-err));
	}
	/* -EPIPE means that the server asks the reader to end. */
	if (err != -EPIPE)
		send_failure(fd, failure.text);
	host__free(reader.host);
	alerts__release(&reader.alerts);
	inbox__release(&reader.inbox);
	return err != -EPIPE;
}
