// SPDX-License-Identifier: BSD-2-Clause
#include "agent/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "agent/confinement.h"
#include "agent/message.h"
#include "agent/reader_peer.h"
#include "agent/report_cache.h"
#include "agent/runner.h"
#include "alerts/alert_sender.h"
#include "host/client_allowances.h"
#include "util/allowance.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/end_signals.h"
#include "util/log.h"

#define NS_PER_MS 1000000UL
#define NS_PER_S  1000000000UL
/* A reader that has sent no health message for this long has a problem. */
#define STUCK_NS    (60 * 1000000000UL)
#define SILENT_TEXT "pyfrag-reader has not answered for a minute\n"
/* How long a request waits for a report while the reader is busy. */
#define REPORT_MS    1000
#define LONG_WAIT_NS (100 * NS_PER_MS)
/* How often the server sends its counters to the reader and closes idle connections. */
#define TICK_MS 1000
#define END_MS	10000
/* How long alerts that are being sent may delay the end. */
#define SENDING_MS 1000
/*
 * CPU time for reports: the share of a core that the reader may use to write them, and how much may
 * be saved for a burst, for all clients and for each. Without a limit, any client could keep the
 * reader busy.
 */
#define REPORTS_SHARE  0.04
#define REPORTS_NS_MAX (400.0 * NS_PER_MS)
#define CLIENT_SHARE   0.02
#define CLIENT_NS_MAX  (200.0 * NS_PER_MS)
/* Minimum charge for a report. */
#define REPORT_NS_MIN	100000UL
#define CONTENT_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define CONTENT_OPEN	"application/openmetrics-text; version=1.0.0; charset=utf-8"
#define CONTENT_JSON	"application/json"
#define PROCESSES_PATH	"/v1/processes"
#define REPORT_SUFFIX	"/report"

/* Event sources. For child process N, the event is EVENT_PART + N. */
enum {
	EVENT_SIGNAL,
	EVENT_REQUEST,
	EVENT_MESSAGE,
	EVENT_LOG,
	EVENT_PART,
};

struct server {
	const struct server_options *options;
	struct http_server *http;
	struct alert_sender *sender; /* NULL: alerts are logged only */
	struct reader_peer reader;
	uint64_t no_wait_until_ns; /* CLOCK_MONOTONIC; no waiting for reports until then */
	uint64_t scrapes, scrape_ns;
	struct allowance serving, reports; /* CPU time, ns */
	struct client_allowances clients;  /* see reports */
	struct report_cache cache;
	uint64_t reports_written, requests_refused, held_back_cnt;
	bool ends;
	int err; /* why it ends */
};

static void end(struct server *server, int err)
{
	if (!server->ends)
		server->err = err;
	server->ends = true;
}

/* Shares the text: copying it for hundreds of slow clients would take too much memory. */
static struct http_answer answer_shared(const char *type, struct shared_text *text)
{
	return (struct http_answer){.status = 200, .type = type, .text = shared_text__hold(text)};
}

static struct http_answer answer_try_again(unsigned int status, const char *why, uint64_t wait_ns)
{
	struct http_answer answer = http_answer__text(status, why);

	answer.retry_after_s = (unsigned int)(wait_ns / NS_PER_S) + 1;
	return answer;
}

static void say_end(struct server *server, const struct part *part)
{
	char how[PART_END_BYTES] = "has stopped responding";
	int status;

	if (part__has_ended(part, TICK_MS, &status))
		part__describe_end(status, how);
	log_pipe__drain(server->options->log);
	if (!server->ends)
		log_error("pyfrag-%s %s; the agent exits", part->name, how);
	end(server, -EIO);
}

static void take_messages(struct server *server)
{
	int err = server->ends ? 0 : reader_peer__take(&server->reader);

	if (err == -EPIPE) {
		say_end(server, &server->options->parts[PART_READER]);
	} else if (err && err != -ECANCELED) {
		log_error("cannot receive from pyfrag-reader: %s; the agent exits", strerror(-err));
	}
	if (err)
		end(server, err);
}

/*
 * -EAGAIN, a full socket, is not an error. -EPIPE is reported elsewhere, with the exit status of
 * the reader.
 */
static int check_sent(struct server *server, int err)
{
	if (err && err != -EAGAIN && err != -EPIPE) {
		log_error("cannot send to pyfrag-reader: %s; the agent exits", strerror(-err));
		end(server, err);
	}
	return err;
}

/* Does not wait. */
static int send_to_reader(struct server *server, enum message_type type,
			  const struct packer *packed)
{
	return check_sent(server,
			  message__send(server->reader.inbox.fd, type, packed, MESSAGE_NO_WAIT));
}

static void send_served(struct server *server)
{
	_cleanup_(packer__release) struct packer packer = {};
	const struct part *parts = server->options->parts;

	packer__add_u64(&packer, server->scrapes);
	packer__add_double(&packer, (double)server->scrape_ns / 1e9);
	packer__add_u64(&packer, server->sender ? alert_sender__failed_cnt(server->sender) : 0);
	packer__add_u64(&packer, http_server__closed_cnt(server->http));
	packer__add_u64(&packer, server->reports_written);
	packer__add_u64(&packer, server->requests_refused);
	packer__add_u64(&packer, server->held_back_cnt);
	packer__add_u64(&packer, (uint64_t)getpid());
	for (int i = 0; i < PART_CNT; i++)
		if (parts[i].pid_fd >= 0)
			packer__add_u64(&packer, (uint64_t)parts[i].pid);
	send_to_reader(server, MESSAGE_SERVED, &packer);
}

static bool is_silent(const struct reader_peer *reader)
{
	return reader->heard_ns && clock_ns(CLOCK_MONOTONIC) - reader->heard_ns > STUCK_NS;
}

/* Ages in a page are relative to the time it was written, so an outdated page would mislead. */
static struct http_answer answer_page(const struct server *server, enum page_kind kind,
				      const char *type)
{
	struct shared_text *page = server->reader.pages[kind];

	if (page && is_silent(&server->reader))
		return http_answer__text(503, SILENT_TEXT);
	return page ? answer_shared(type, page)
		    : http_answer__text(503, server->reader.heard_ns
						     ? "the page is too large\n"
						     : "no heap has been read yet\n");
}

static struct http_answer answer_metrics(struct server *server, bool wants_open_metrics)
{
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	struct http_answer answer =
		wants_open_metrics ? answer_page(server, PAGE_METRICS_OPEN, CONTENT_OPEN)
				   : answer_page(server, PAGE_METRICS_PLAIN, CONTENT_METRICS);

	server->scrapes++;
	server->scrape_ns = clock_ns(CLOCK_MONOTONIC) - start_ns;
	return answer;
}

static struct http_answer answer_health(const struct reader_peer *reader)
{
	if (!reader->heard_ns)
		return http_answer__text(503, "starting\n");
	if (is_silent(reader))
		return http_answer__text(503, SILENT_TEXT);
	if (reader->is_stuck)
		return http_answer__text(503, "heap reads are stalled\n");
	if (reader->is_stale)
		return http_answer__text(
			503,
			"no heap has been read for ten intervals although the budget allowed it\n");
	return http_answer__text(200, "ok\n");
}

/* Handles messages of the reader until the report has arrived or the time is over. */
static void wait_for_report(struct server *server)
{
	uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + REPORT_MS * NS_PER_MS, now_ns;
	struct pollfd fds[] = {{.fd = server->reader.inbox.fd, .events = POLLIN},
			       {.fd = server->options->log->read_fd, .events = POLLIN}};

	while (server->reader.waits_for_report && !server->ends &&
	       (now_ns = clock_ns(CLOCK_MONOTONIC)) < until_ns) {
		poll(fds, ARRAY_SIZE(fds), (int)((until_ns - now_ns) / NS_PER_MS) + 1);
		if (fds[0].revents)
			take_messages(server);
		if (fds[1].revents)
			log_pipe__drain(server->options->log);
	}
}

static struct http_answer answer_last_report(const struct reader_peer *reader)
{
	switch (reader->report_result) {
	case REPORT_OK:
		return reader->report ? answer_shared(CONTENT_JSON, reader->report)
				      : http_answer__text(500, "the report is empty\n");
	case REPORT_NO_SUCH:
		return http_answer__text(404, "no such Python process\n");
	case REPORT_TOO_LARGE:
		return http_answer__text(500, "the report is too large\n");
	default:
		return http_answer__text(500, "out of memory\n");
	}
}

/*
 * Charges the CPU time of reports since the last call, including those that came too late. Returns
 * the charge in nanoseconds, at least REPORT_NS_MIN.
 */
static uint64_t charge_reports(struct server *server, uint64_t now_ns)
{
	uint64_t ns = server->reader.report_cpu_ns;

	server->reader.report_cpu_ns = 0;
	allowance__spend(&server->reports, (double)ns, now_ns);
	return ns > REPORT_NS_MIN ? ns : REPORT_NS_MIN;
}

/* How long @client has to wait, in nanoseconds, before a report may be written for it. */
static uint64_t wait_for_allowance(struct server *server, uint64_t client, uint64_t now_ns)
{
	uint64_t own_ns = client_allowances__wait_ns(&server->clients, client, now_ns), all_ns;

	charge_reports(server, now_ns);
	all_ns = allowance__wait_ns(&server->reports, now_ns);
	return own_ns > all_ns ? own_ns : all_ns;
}

/* Returns whether the reader has answered. */
static bool ask_for_report(struct server *server, uint64_t client, pid_t pid, uint64_t start_ns)
{
	struct reader_peer *reader = &server->reader;
	uint64_t now_ns, waited_ns;
	bool is_answered = false;

	if (!check_sent(server, reader_peer__ask_report(reader, pid))) {
		wait_for_report(server);
		is_answered = !reader->waits_for_report;
	}
	reader->waits_for_report = false;
	now_ns = clock_ns(CLOCK_MONOTONIC);
	client_allowances__spend(&server->clients, client, (double)charge_reports(server, now_ns),
				 now_ns);
	/*
	 * The server answers nothing else while it waits, so waiting may take at most half of its
	 * time.
	 */
	waited_ns = now_ns - start_ns;
	if (waited_ns > LONG_WAIT_NS)
		server->no_wait_until_ns = start_ns + 2 * waited_ns;
	return is_answered;
}

static struct http_answer answer_report_of(struct server *server, uint64_t client, pid_t pid)
{
	static const char busy[] = "heaps are being read; try again\n";
	const struct reader_peer *reader = &server->reader;
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), wait_ns;
	struct shared_text *known = report_cache__find(&server->cache, pid, now_ns);

	if (known)
		return answer_shared(CONTENT_JSON, known);
	wait_ns = wait_for_allowance(server, client, now_ns);
	if (wait_ns) {
		server->requests_refused++;
		return answer_try_again(429, "reports take too much CPU time; try again later\n",
					wait_ns);
	}
	if (now_ns < server->no_wait_until_ns || !ask_for_report(server, client, pid, now_ns))
		return answer_try_again(503, busy, 0);
	if (reader->report_result == REPORT_OK && reader->report) {
		server->reports_written++;
		report_cache__put(&server->cache, pid, reader->report, clock_ns(CLOCK_MONOTONIC));
	}
	return answer_last_report(reader);
}

/* /v1/processes/PID/report */
static struct http_answer answer_report(struct server *server, uint64_t client, const char *path)
{
	char *end_of_pid;
	long pid;

	errno = 0;
	pid = strtol(path, &end_of_pid, 10);
	if (errno || end_of_pid == path || strcmp(end_of_pid, REPORT_SUFFIX) != 0 || pid <= 0)
		return http_answer__text(404, "not found\n");
	if (pid > INT_MAX)
		return http_answer__text(404, "no such Python process\n");
	return answer_report_of(server, client, (pid_t)pid);
}

static struct http_answer answer(void *context, const struct http_request *request)
{
	struct server *server = context;
	const char *path = request->path;

	if (!strcmp(path, "/metrics"))
		return answer_metrics(server, request->wants_open_metrics);
	/* If a process of the agent had ended, the server would have ended, too. */
	if (!strcmp(path, "/livez"))
		return http_answer__text(200, "ok\n");
	if (!strcmp(path, "/healthz"))
		return answer_health(&server->reader);
	if (!strcmp(path, PROCESSES_PATH))
		return answer_page(server, PAGE_PROCESSES, CONTENT_JSON);
	if (!strncmp(path, PROCESSES_PATH "/", strlen(PROCESSES_PATH "/")))
		return answer_report(server, request->client, path + strlen(PROCESSES_PATH "/"));
	return http_answer__text(404,
				 "not found; available: /metrics, /livez, /healthz, /v1/processes, "
				 "/v1/processes/PID/report\n");
}

/* Does nothing while serving has exceeded its CPU share; requests then wait in the kernel. */
static void run_http(struct server *server)
{
	uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	if (allowance__wait_ns(&server->serving, clock_ns(CLOCK_MONOTONIC)))
		return;
	http_server__run(server->http);
	allowance__spend(&server->serving, (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns),
			 clock_ns(CLOCK_MONOTONIC));
}

static void take_signal(struct server *server)
{
	int signal = end_signals__wait(server->options->signal_fd, 0);

	if (signal == SIGHUP && send_to_reader(server, MESSAGE_RELOAD, NULL) == -EAGAIN)
		log_warning(
			"pyfrag-reader is too busy to reload the configuration; send SIGHUP again");
	else if (signal && signal != SIGHUP)
		end(server, 0);
}

static void take_event(struct server *server, unsigned int event)
{
	switch (event) {
	case EVENT_SIGNAL:
		take_signal(server);
		break;
	case EVENT_MESSAGE:
		take_messages(server);
		break;
	case EVENT_LOG:
		log_pipe__drain(server->options->log);
		break;
	case EVENT_REQUEST:
		break;
	default:
		/* The reader may have sent the reason. */
		take_messages(server);
		if (!server->ends)
			say_end(server, &server->options->parts[event - EVENT_PART]);
	}
	run_http(server);
}

static int watch(int epoll_fd, int fd, unsigned int event)
{
	struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = event};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &wanted) ? -errno : 0;
}

static int watch_all(const struct server *server, int epoll_fd)
{
	const struct server_options *options = server->options;
	int err = watch(epoll_fd, options->signal_fd, EVENT_SIGNAL);

	if (!err)
		err = watch(epoll_fd, http_server__fd(server->http), EVENT_REQUEST);
	if (!err)
		err = watch(epoll_fd, server->reader.inbox.fd, EVENT_MESSAGE);
	if (!err)
		err = watch(epoll_fd, options->log->read_fd, EVENT_LOG);
	for (unsigned int i = 0; i < PART_CNT && !err; i++)
		if (options->parts[i].pid_fd >= 0)
			err = watch(epoll_fd, options->parts[i].pid_fd, EVENT_PART + i);
	return err;
}

/*
 * Returns how long to wait for events, in milliseconds, or negative errno. While serving has
 * exceeded its CPU share, requests do not count as events.
 */
static int prepare_wait(struct server *server, int epoll_fd, bool *is_held_back)
{
	uint64_t wait_ns = allowance__wait_ns(&server->serving, clock_ns(CLOCK_MONOTONIC)),
		 wait_ms = wait_ns / NS_PER_MS + 1;
	struct epoll_event wanted = {.events = wait_ns ? 0 : EPOLLIN, .data.u32 = EVENT_REQUEST};

	if ((wait_ns != 0) != *is_held_back) {
		if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, http_server__fd(server->http), &wanted))
			return -errno;
		*is_held_back = wait_ns != 0;
		server->held_back_cnt += *is_held_back;
	}
	return wait_ns && wait_ms < TICK_MS ? (int)wait_ms : TICK_MS;
}

static int serve(struct server *server)
{
	_cleanup_close_ int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int err = epoll_fd < 0 ? -errno : watch_all(server, epoll_fd);
	bool is_held_back = false;
	uint64_t sent_ns = 0;

	while (!err && !server->ends) {
		struct epoll_event event = {.data.u32 = EVENT_REQUEST};
		int wait_ms = prepare_wait(server, epoll_fd, &is_held_back);
		uint64_t now_ns;

		if (wait_ms < 0)
			err = wait_ms;
		else if (epoll_wait(epoll_fd, &event, 1, wait_ms) < 0 && errno != EINTR)
			err = -errno;
		take_event(server, event.data.u32);
		now_ns = clock_ns(CLOCK_MONOTONIC);
		if (now_ns - sent_ns >= TICK_MS * NS_PER_MS && !server->ends) {
			send_served(server);
			sent_ns = now_ns;
		}
	}
	if (err)
		log_error("cannot wait for requests: %s", strerror(-err));
	return err ? err : server->err;
}

static int begin(struct server *server, struct failure *failure)
{
	const struct server_options *options = server->options;
	bool connects = false;
	int err = options->open_http(&server->http, answer, server, options->context, failure);

	for (size_t i = 0; i < options->alert_to_cnt; i++)
		connects |= !alert_destination__command_of(options->alert_to[i]);
	if (!err)
		err = confinement__of_server(connects, failure);
	/* The sender starts a thread, so it comes after the confinement. */
	if (!err && options->alert_to_cnt)
		err = alert_sender__new(&server->sender, options->alert_to, options->alert_to_cnt,
					failure);
	server->reader.sender = server->sender;
	if (!err && fcntl(server->reader.inbox.fd, F_SETFL, O_NONBLOCK))
		err = failure__set(failure, -errno, "cannot connect to pyfrag-reader: %s",
				   strerror(errno));
	return err;
}

static void server__release(struct server *server)
{
	http_server__free(server->http);
	if (server->sender)
		alert_sender__end(server->sender, SENDING_MS);
	alert_sender__free(server->sender);
	reader_peer__release(&server->reader);
	report_cache__release(&server->cache);
}

int server__run(const struct server_options *options)
{
	_cleanup_(server__release) struct server server = {.options = options,
							   .clients = {.per_ns = CLIENT_SHARE,
								       .max = CLIENT_NS_MAX}};
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	struct failure failure;
	int err;

	allowance__begin(&server.serving, options->serving_share,
			 options->serving_share * (double)NS_PER_S, now_ns);
	allowance__begin(&server.reports, REPORTS_SHARE, REPORTS_NS_MAX, now_ns);
	reader_peer__init(&server.reader, options->parts[PART_READER].fd, options->listen);
	err = begin(&server, &failure);
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	err = serve(&server);
	/* The reader can end while alerts are still being sent. */
	part__hang_up(&options->parts[PART_READER]);
	return err;
}

void server__end_parts(const struct server_options *options)
{
	uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + END_MS * NS_PER_MS, now_ns;
	int status;

	for (int i = 0; i < PART_CNT; i++)
		part__hang_up(&options->parts[i]);
	for (int i = 0; i < PART_CNT; i++) {
		struct pollfd fds[] = {{.fd = options->parts[i].pid_fd, .events = POLLIN},
				       {.fd = options->log->read_fd, .events = POLLIN}};

		while (options->parts[i].pid_fd >= 0 && !(fds[0].revents & POLLIN) &&
		       (now_ns = clock_ns(CLOCK_MONOTONIC)) < until_ns) {
			poll(fds, ARRAY_SIZE(fds), (int)((until_ns - now_ns) / NS_PER_MS) + 1);
			log_pipe__drain(options->log);
			if (fds[1].revents & POLLHUP)
				fds[1].fd = -1;
		}
		if (options->parts[i].pid_fd >= 0)
			part__has_ended(&options->parts[i], 0, &status);
	}
}
