// SPDX-License-Identifier: BSD-2-Clause
/*
 * The daemon: one thread reads heaps, which may take its time; the other answers. What is answered to scrapes was
 * written down after the last reading, so a heap that does not let itself be read keeps nobody waiting.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "cmd/alerting.h"
#include "cmd/commands.h"
#include "cmd/host_options.h"
#include "cmd/output.h"
#include "cmd/pages.h"
#include "cmd/privileges.h"
#include "cmd/serving.h"
#include "host/host.h"
#include "host/http_server.h"
#include "probes/keeper.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/end_signals.h"
#include "util/log.h"

#define TICK_MS 500
/* Nothing was read, nor tried, for so long: something is wrong. */
#define STUCK_NS (60 * 1000000000UL)
/* How long a request waits for what is being read. */
#define LOCK_WAIT_NS	1000000000L
#define CONTENT_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define CONTENT_OPEN	"application/openmetrics-text; version=1.0.0; charset=utf-8"
#define CONTENT_JSON	"application/json"
#define CONTENT_TEXT	"text/plain; charset=utf-8"
#define PROCESSES_PATH	"/v1/processes"
#define REPORT_SUFFIX	"/report"

struct agent {
	const struct options *options;
	struct host *host; /* with host_lock held */
	struct alerting alerting;
	pthread_mutex_t host_lock;
	struct pages pages;
	int stop_fd;	   /* an eventfd: readable when the worker is to end */
	atomic_int result; /* negative errno: reading has ended */
	atomic_ulong worked_ns;
	atomic_bool stuck;
	atomic_ulong scrapes, scrape_ns;
	struct http_server *http;
};

static int work(struct agent *agent)
{
	struct host_metrics_extra extra;
	int err = host__work(agent->host);

	if (!err)
		err = alerting__check_host(&agent->alerting, agent->host);
	if (err)
		return err;
	extra = (struct host_metrics_extra){
		.scrapes = atomic_load(&agent->scrapes),
		.scrape_s = (double)atomic_load(&agent->scrape_ns) / 1e9,
	};
	alerting__count(&agent->alerting, &extra);
	atomic_store(&agent->stuck, host__is_stuck(agent->host));
	return pages__update(&agent->pages, agent->host, &extra);
}

/* Whether it is to go on. */
static bool wait_for_tick(const struct agent *agent)
{
	struct pollfd on_stop = {.fd = agent->stop_fd, .events = POLLIN};

	return poll(&on_stop, 1, TICK_MS) <= 0;
}

static void *run_worker(void *context)
{
	struct agent *agent = context;

	do {
		int err;

		pthread_mutex_lock(&agent->host_lock);
		err = work(agent);
		pthread_mutex_unlock(&agent->host_lock);
		if (err) {
			atomic_store(&agent->result, err);
			kill(getpid(), SIGTERM);
			return NULL;
		}
		atomic_store(&agent->worked_ns, clock_ns(CLOCK_MONOTONIC));
	} while (wait_for_tick(agent));
	return NULL;
}

static struct http_answer answer_text(unsigned int status, const char *type, char *text)
{
	return (struct http_answer){.status = status,
				    .type = type,
				    .text = text,
				    .size = text ? strlen(text) : 0};
}

static struct http_answer answer_page(struct agent *agent, enum page_kind kind, const char *type)
{
	struct http_answer answer = {.status = 200, .type = type};

	answer.text = pages__copy(&agent->pages, kind, &answer.size);
	return answer.text ? answer
			   : answer_text(503, CONTENT_TEXT, strdup("nothing was read yet\n"));
}

static struct http_answer answer_health(const struct agent *agent)
{
	uint64_t worked_ns = atomic_load(&agent->worked_ns);

	if (!worked_ns)
		return answer_text(503, CONTENT_TEXT, strdup("starting\n"));
	if (atomic_load(&agent->stuck) || clock_ns(CLOCK_MONOTONIC) - worked_ns > STUCK_NS)
		return answer_text(503, CONTENT_TEXT,
				   strdup("readings do not come to their end\n"));
	return answer_text(200, CONTENT_TEXT, strdup("ok\n"));
}

static struct http_answer write_report(const struct agent *agent, struct watched *watched)
{
	const struct output output = output__of_watched(watched, agent->options);
	char host[OUTPUT_HOST_BYTES], *text = NULL;
	struct report report = output__describe(&output, &watched->last.findings, host);
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err;

	report.hides_cmdline = !agent->options->command_lines;
	err = out ? report__write_json(&report, out) : -ENOMEM;

	if (out && fclose(out))
		err = -ENOMEM;
	if (err) {
		free(text);
		return answer_text(500, CONTENT_TEXT, strdup("out of memory\n"));
	}
	return answer_text(200, CONTENT_JSON, text);
}

/* /v1/processes/PID/report */
static struct http_answer answer_report(struct agent *agent, const char *path)
{
	struct http_answer answer;
	struct watched *watched;
	struct timespec until;
	char *end;
	long pid;

	errno = 0;
	pid = strtol(path, &end, 10);
	if (errno || end == path || strcmp(end, REPORT_SUFFIX) != 0 || pid <= 0)
		return answer_text(404, CONTENT_TEXT, strdup("no such page\n"));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (until.tv_nsec + LOCK_WAIT_NS) / 1000000000;
	until.tv_nsec = (until.tv_nsec + LOCK_WAIT_NS) % 1000000000;
	if (pthread_mutex_timedlock(&agent->host_lock, &until))
		return answer_text(503, CONTENT_TEXT, strdup("heaps are being read; try again\n"));
	watched = host__find(agent->host, (pid_t)pid);
	answer = watched && watched->has_last
			 ? write_report(agent, watched)
			 : answer_text(404, CONTENT_TEXT, strdup("no such Python\n"));
	pthread_mutex_unlock(&agent->host_lock);
	return answer;
}

static struct http_answer answer(void *context, const struct http_request *request)
{
	struct agent *agent = context;
	const char *path = request->path;

	if (!strcmp(path, "/metrics")) {
		uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
		struct http_answer metrics =
			request->wants_open_metrics
				? answer_page(agent, PAGE_METRICS_OPEN, CONTENT_OPEN)
				: answer_page(agent, PAGE_METRICS_PLAIN, CONTENT_METRICS);

		atomic_fetch_add(&agent->scrapes, 1);
		atomic_store(&agent->scrape_ns, clock_ns(CLOCK_MONOTONIC) - start_ns);
		return metrics;
	}
	if (!strcmp(path, "/healthz"))
		return answer_health(agent);
	if (!strcmp(path, PROCESSES_PATH))
		return answer_page(agent, PAGE_PROCESSES, CONTENT_JSON);
	if (!strncmp(path, PROCESSES_PATH "/", strlen(PROCESSES_PATH "/")))
		return answer_report(agent, path + strlen(PROCESSES_PATH "/"));
	return answer_text(404, CONTENT_TEXT,
			   strdup("there are: /metrics, /healthz, /v1/processes, "
				  "/v1/processes/PID/report\n"));
}

/* What the options and their file say now; if that makes no sense, all stays as it was. */
static void reload(struct agent *agent)
{
	const struct options *options = agent->options;
	struct options fresh = {};
	int err = options__parse(&command_agent, options->all_argument_cnt, options->all_arguments,
				 &fresh);

	pthread_mutex_lock(&agent->host_lock);
	if (!err)
		err = alerting__replace_rules(&agent->alerting, &fresh);
	if (!err)
		host__set_pace(agent->host, fresh.interval_s, fresh.budget);
	pthread_mutex_unlock(&agent->host_lock);
	if (err)
		log_warning("the configuration stays as it was");
	else
		log_note("read the configuration again: %u alert rules, every %g s",
			 fresh.alert_cnt, fresh.interval_s);
	options__release(&fresh);
}

/* Whether the signal is one to end at. */
static bool take_signal(struct agent *agent, int signal_fd)
{
	int signal = end_signals__wait(signal_fd, 0);

	if (signal == SIGHUP)
		reload(agent);
	return signal && signal != SIGHUP;
}

/* Until a signal says to end. */
static int serve(struct agent *agent, int signal_fd)
{
	_cleanup_close_ int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event on_signal = {.events = EPOLLIN, .data.fd = signal_fd},
			   on_request = {.events = EPOLLIN,
					 .data.fd = http_server__fd(agent->http)};

	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, signal_fd, &on_signal) ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, on_request.data.fd, &on_request))
		return -errno;
	for (;;) {
		struct epoll_event event;
		/* Connections that say nothing are closed in time. */
		int cnt = epoll_wait(epoll_fd, &event, 1, 1000);

		if (cnt < 0 && errno != EINTR)
			return -errno;
		if (cnt > 0 && event.data.fd == signal_fd && take_signal(agent, signal_fd))
			return 0;
		http_server__run(agent->http);
	}
}

static int start(struct agent *agent, struct failure *failure)
{
	const struct host_options host_options = host_options__of(agent->options);
	int err = serving__open(&agent->http, agent->options, answer, agent, failure);

	return err ? err : host__new(&agent->host, &host_options, failure);
}

static void agent__release(struct agent *agent)
{
	http_server__free(agent->http);
	host__free(agent->host);
	alerting__release(&agent->alerting);
	pages__release(&agent->pages);
	closep(&agent->stop_fd);
}

static int run(struct agent *agent, int signal_fd)
{
	pthread_t worker;
	int err = pthread_create(&worker, NULL, run_worker, agent);

	if (err) {
		log_error("cannot start a thread: %s", strerror(err));
		return -err;
	}
	log_note("answers at http://%s/metrics", agent->options->listen);
	err = serve(agent, signal_fd);
	/* What it is at comes to its end in a moment, or is left behind. */
	eventfd_write(agent->stop_fd, 1);
	pthread_join(worker, NULL);
	if (!err)
		err = atomic_load(&agent->result);
	if (err)
		log_error("the agent ends: %s", strerror(-err));
	return err;
}

static int run_agent(const struct options *options)
{
	_cleanup_(agent__release) struct agent agent = {
		.options = options,
		.host_lock = PTHREAD_MUTEX_INITIALIZER,
		.pages = PAGES_EMPTY,
		.stop_fd = eventfd(0, EFD_CLOEXEC),
	};
	_cleanup_close_ int signal_fd = end_signals__open();
	struct failure failure;
	int err = options__refuse_arguments(&command_agent, options) ? -EINVAL : 0;

	if (err)
		return err;
	if (signal_fd < 0 || agent.stop_fd < 0) {
		log_error("cannot wait for signals: %s",
			  strerror(signal_fd < 0 ? -signal_fd : errno));
		return -EMFILE;
	}
	/* Before there are threads, and as long as a process may be given other descriptors and capabilities. */
	err = options->sites ? keeper__start(&failure) : 0;
	if (!err)
		err = start(&agent, &failure);
	if (!err)
		err = privileges__drop(&(struct privileges){.commands = alerting__runs_commands(
								    options),
							    .probes = options->sites != 0},
				       &failure);
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	/* It has a thread: after that. */
	err = alerting__init(&agent.alerting, options);
	return err ? err : run(&agent, signal_fd);
}

const struct command command_agent = {
	.name = "agent",
	.arguments = "[OPTIONS]",
	.summary = "watch all Pythons of this host, with metrics and alerts",
	.description =
		"Reads the heap of each Python of the host, as they come and go, at every interval; serves what it\n"
		"finds as metrics for Prometheus (/metrics) and as JSON (/v1/processes, /v1/processes/PID/report), and\n"
		"tells of alerts on stderr. At SIGHUP it reads its --config again: alerts, interval and budget.\n"
		"Nothing is probed without --sites, and no process is stopped. Reading takes no more of a core\n"
		"than the budget.",
	.options =
		(const enum option_id[]){
			OPTION_CONFIG,	      OPTION_LISTEN,   OPTION_TOKEN_FILE, OPTION_NO_TOKEN,
			OPTION_COMMAND_LINES, OPTION_INTERVAL, OPTION_BUDGET,	  OPTION_ALERT,
			OPTION_ALERT_TO,      OPTION_SITES,    OPTION_COMM,	  OPTION_USER,
			OPTION_CGROUP,	      OPTION_MATCH,    OPTION_BELOW,	  OPTION_BLOCKS,
			OPTION_MAX_MEMORY,    OPTION_VERBOSE,  OPTION_HELP,	  0},
	.run = run_agent,
};
