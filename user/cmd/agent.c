// SPDX-License-Identifier: BSD-2-Clause
/*
 * The daemon: one thread reads heaps, which may take its time; the other answers. What is answered to scrapes was
 * written down after the last reading, so a heap that does not let itself be read keeps nobody waiting.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cmd/alerting.h"
#include "cmd/commands.h"
#include "cmd/host_options.h"
#include "cmd/output.h"
#include "cmd/privileges.h"
#include "host/host.h"
#include "host/host_metrics.h"
#include "host/http_server.h"
#include "report/json_values.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#define TICK_NS 500000000L
/* Nothing was read, nor tried, for so long: something is wrong. */
#define STUCK_NS (60 * 1000000000UL)
/* How long a request waits for what is being read. */
#define LOCK_WAIT_NS	1000000000L
#define TOKEN_BYTES_MAX 4096
#define CONTENT_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define CONTENT_OPEN	"application/openmetrics-text; version=1.0.0; charset=utf-8"
#define CONTENT_JSON	"application/json"
#define CONTENT_TEXT	"text/plain; charset=utf-8"
#define PROCESSES_PATH	"/v1/processes"
#define REPORT_SUFFIX	"/report"
#define CONTENT_CNT	3

enum content {
	METRICS_PLAIN,
	METRICS_OPEN,
	PROCESSES
};

/* Ready to be answered. */
struct page {
	char *text;
	size_t size;
};

struct agent {
	const struct options *options;
	struct host *host; /* with host_lock held */
	struct alerting alerting;
	pthread_mutex_t host_lock, page_lock;
	struct page pages[CONTENT_CNT]; /* with page_lock held */
	atomic_bool stops;
	atomic_int result; /* negative errno: reading has ended */
	atomic_ulong worked_ns;
	atomic_bool stuck;
	atomic_ulong scrapes, scrape_ns;
	struct http_server *http;
};

static void set_page(struct agent *agent, enum content content, struct page page)
{
	char *old;

	pthread_mutex_lock(&agent->page_lock);
	old = agent->pages[content].text;
	agent->pages[content] = page;
	pthread_mutex_unlock(&agent->page_lock);
	free(old);
}

static int write_metrics(struct agent *agent, bool open_metrics)
{
	const struct host_metrics_extra extra = {
		.alerts_firing = alerts__firing_cnt(&agent->alerting.alerts),
		.alerts_fired = agent->alerting.alerts.fired_cnt,
		.scrapes = atomic_load(&agent->scrapes),
		.scrape_s = (double)atomic_load(&agent->scrape_ns) / 1e9,
	};
	struct page page = {};
	FILE *out = open_memstream(&page.text, &page.size);
	int err = out ? host_metrics__write(agent->host, &extra, open_metrics, out) : -ENOMEM;

	if (out && fclose(out))
		err = -ENOMEM;
	if (err) {
		free(page.text);
		return err;
	}
	set_page(agent, open_metrics ? METRICS_OPEN : METRICS_PLAIN, page);
	return 0;
}

static json_t *pack_process(const struct watched *watched)
{
	const struct findings *findings = &watched->last.findings;
	const struct process *process = watched->source->process;
	json_t *packed =
		json_pack("{s:i, s:o, s:o, s:o, s:o, s:s}", "pid", watched->pid, "comm",
			  json_values__text(process->comm), "app", json_values__text(watched->app),
			  "user", json_values__text(watched->user), "unit",
			  json_values__text(watched->label), "python",
			  watched->source->python->version);

	if (!watched->has_last)
		return packed;
	json_values__set(&packed, "heap",
			 json_pack("{s:I, s:I, s:I, s:f}", "arenas",
				   (json_int_t)findings->measure.totals.arenas, "arena_bytes",
				   (json_int_t)findings->measure.totals.arena_bytes, "live_bytes",
				   (json_int_t)findings->measure.totals.live_bytes, "fragmentation",
				   heap_totals__fragmentation(&findings->measure.totals)));
	json_values__set(&packed, "pinned",
			 json_pack("{s:I, s:I, s:I}", "arenas",
				   (json_int_t)findings->pinned.arena_cnt, "bytes",
				   (json_int_t)findings->pinned.bytes, "hostage_bytes",
				   (json_int_t)findings->pinned.hostage_bytes));
	json_values__set(&packed, "growth_bytes_per_minute",
			 json_real(watched__growth_per_minute(watched)));
	json_values__set(&packed, "shared_bytes",
			 watched->last.knows_shared
				 ? json_integer((json_int_t)watched->last.shared_bytes)
				 : json_null());
	return packed;
}

static int write_processes(struct agent *agent)
{
	struct watched *const *watched;
	size_t cnt = host__watched(agent->host, &watched);
	json_t *list = json_array(), *root;
	struct page page = {};

	for (size_t i = 0; i < cnt; i++)
		json_values__append(&list, pack_process(watched[i]));
	root = json_pack("{s:s, s:o}", "schema", "pyfrag.processes/1", "processes", list);
	page.text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (!page.text)
		return -ENOMEM;
	page.size = strlen(page.text);
	set_page(agent, PROCESSES, page);
	return 0;
}

static int work(struct agent *agent)
{
	int err = host__work(agent->host);

	if (!err)
		err = alerting__check_host(&agent->alerting, agent->host);
	if (!err)
		err = write_metrics(agent, false);
	if (!err)
		err = write_metrics(agent, true);
	return err ? err : write_processes(agent);
}

static void *run_worker(void *context)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};
	struct agent *agent = context;

	while (!atomic_load(&agent->stops)) {
		int err;

		pthread_mutex_lock(&agent->host_lock);
		err = work(agent);
		pthread_mutex_unlock(&agent->host_lock);
		if (err) {
			atomic_store(&agent->result, err);
			kill(getpid(), SIGTERM);
			return NULL;
		}
		atomic_store(&agent->stuck, host__is_stuck(agent->host));
		atomic_store(&agent->worked_ns, clock_ns(CLOCK_MONOTONIC));
		nanosleep(&tick, NULL);
	}
	return NULL;
}

static struct http_answer answer_text(unsigned int status, const char *type, char *text)
{
	return (struct http_answer){.status = status,
				    .type = type,
				    .text = text,
				    .size = text ? strlen(text) : 0};
}

static struct http_answer answer_page(struct agent *agent, enum content content, const char *type)
{
	struct http_answer answer = {.status = 200, .type = type};
	const struct page *page = &agent->pages[content];

	pthread_mutex_lock(&agent->page_lock);
	answer.text = page->text ? malloc(page->size) : NULL;
	if (answer.text) {
		memcpy(answer.text, page->text, page->size);
		answer.size = page->size;
	}
	pthread_mutex_unlock(&agent->page_lock);
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
	const struct output output = {
		.options = agent->options,
		.source = watched->source,
		.snapshot = {.duration_ms = watched->last.duration_ms},
		.counters = watched->last.counters,
	};
	char host[OUTPUT_HOST_BYTES], *text = NULL;
	const struct report report = output__describe(&output, &watched->last.findings, host);
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err = out ? report__write_json(&report, out) : -ENOMEM;

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
				? answer_page(agent, METRICS_OPEN, CONTENT_OPEN)
				: answer_page(agent, METRICS_PLAIN, CONTENT_METRICS);

		atomic_fetch_add(&agent->scrapes, 1);
		atomic_store(&agent->scrape_ns, clock_ns(CLOCK_MONOTONIC) - start_ns);
		return metrics;
	}
	if (!strcmp(path, "/healthz"))
		return answer_health(agent);
	if (!strcmp(path, PROCESSES_PATH))
		return answer_page(agent, PROCESSES, CONTENT_JSON);
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
	struct options fresh;
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
}

/* Whether the signal is one to end at. */
static bool take_signal(struct agent *agent, int signal_fd)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return false;
	if (info.ssi_signo != SIGHUP)
		return true;
	reload(agent);
	return false;
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

static int open_signals(void)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* The first line of a file; the caller frees *out. */
static int read_token(char **out, const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char text[TOKEN_BYTES_MAX];

	if (!file)
		return -errno;
	if (!fgets(text, sizeof(text), file))
		return -ENODATA;
	text[strcspn(text, "\r\n")] = '\0';
	if (!*text)
		return -ENODATA;
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

static int start(struct agent *agent, struct failure *failure)
{
	const struct host_options host_options = host_options__of(agent->options);
	_cleanup_free_ char *token = NULL;
	struct http_options http = {.listen = agent->options->listen,
				    .answer = answer,
				    .context = agent};
	int err = 0;

	if (agent->options->token_file)
		err = read_token(&token, agent->options->token_file);
	if (err)
		return failure__set(failure, err, "cannot read a token from %s: %s",
				    agent->options->token_file, strerror(-err));
	http.token = token;
	err = http_server__new(&agent->http, &http, failure);
	return err ? err : host__new(&agent->host, &host_options, failure);
}

static void agent__release(struct agent *agent)
{
	http_server__free(agent->http);
	host__free(agent->host);
	alerting__release(&agent->alerting);
	for (int i = 0; i < CONTENT_CNT; i++)
		free(agent->pages[i].text);
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
	atomic_store(&agent->stops, true);
	/* It ends in a moment; what cannot be waited for goes with the process. */
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
		.page_lock = PTHREAD_MUTEX_INITIALIZER,
	};
	_cleanup_close_ int signal_fd = open_signals();
	struct failure failure;
	int err = options__refuse_arguments(&command_agent, options) ? -EINVAL : 0;

	if (err)
		return err;
	if (signal_fd < 0) {
		log_error("cannot wait for signals: %s", strerror(-signal_fd));
		return signal_fd;
	}
	err = start(&agent, &failure);
	if (!err)
		err = privileges__drop(options->alert_command != NULL, &failure);
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
		"tells of alerts on stderr. At SIGHUP it reads its --config again: alerts, interval and budget. Nothing is probed, and no process is stopped. Reading takes no more of a core than\n"
		"the budget.",
	.options = (const enum option_id[]){OPTION_CONFIG, OPTION_LISTEN, OPTION_TOKEN_FILE,
					    OPTION_INTERVAL, OPTION_BUDGET, OPTION_ALERT,
					    OPTION_ALERT_COMMAND, OPTION_ALERTMANAGER, OPTION_COMM,
					    OPTION_USER, OPTION_CGROUP, OPTION_MATCH, OPTION_BELOW,
					    OPTION_BLOCKS, OPTION_MAX_MEMORY, OPTION_VERBOSE,
					    OPTION_HELP, 0},
	.run = run_agent,
};
