// SPDX-License-Identifier: BSD-2-Clause
#include "host/host.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "host/candidates.h"
#include "host/python_files.h"
#include "probes/process_events.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* A heap that cannot be read that often in a row is not ours: the process has become another program. */
#define ERRORS_MAX 5
/* What the budget may save up. */
#define SAVED_NS_MAX 1000000000.0

struct host {
	struct host_options options;
	regex_t match;
	bool has_match;
	struct process_events *events; /* NULL: not permitted here; /proc is looked at instead */
	uint64_t lost_cnt;
	struct candidates candidates;
	struct python_files files;
	struct watched **watched; /* by pid */
	size_t watched_cnt, watched_capacity;
	double saved_ns; /* of the budget; negative: overspent */
	uint64_t saved_at_ns;
	struct host_counts counts;
	bool out_of_memory;
};

void host__free(struct host *host)
{
	if (!host)
		return;
	for (size_t i = 0; i < host->watched_cnt; i++)
		watched__free(host->watched[i]);
	free(host->watched);
	process_events__free(host->events);
	candidates__release(&host->candidates);
	python_files__release(&host->files);
	if (host->has_match)
		regfree(&host->match);
	free(host);
}

void host__freep(struct host **host)
{
	host__free(*host);
}

static size_t find_watched(const struct host *host, pid_t pid)
{
	size_t first = 0, end = host->watched_cnt;

	while (first < end) {
		size_t middle = (first + end) / 2;

		if (host->watched[middle]->pid < pid)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

static void drop(struct host *host, size_t at)
{
	watched__free(host->watched[at]);
	memmove(&host->watched[at], &host->watched[at + 1],
		(--host->watched_cnt - at) * sizeof(*host->watched));
	host->counts.gone++;
}

/* Its place if it is watched, else watched_cnt. */
static size_t place_of(const struct host *host, pid_t pid)
{
	size_t at = find_watched(host, pid);

	return at < host->watched_cnt && host->watched[at]->pid == pid ? at : host->watched_cnt;
}

static bool command_line_matches(const struct host *host, const struct process *process)
{
	char text[4096];
	size_t used = 0;

	if (!host->has_match)
		return true;
	*text = '\0';
	for (char **word = process->cmdline; *word && used < sizeof(text); word++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used ? " " : "",
					 *word);
	return !regexec(&host->match, text, 0, NULL, 0);
}

static bool is_wanted(const struct host *host, const struct process *process)
{
	const struct host_filter *filter = &host->options.filter;

	return (!filter->comm || !strcmp(filter->comm, process->comm)) &&
	       (!filter->cgroup || strstr(process->cgroup, filter->cgroup)) &&
	       command_line_matches(host, process);
}

static int insert(struct host *host, struct watched *watched)
{
	size_t at = find_watched(host, watched->pid);

	if (ARRAY_RESERVE(host->watched, host->watched_capacity, host->watched_cnt + 1))
		return -ENOMEM;
	memmove(&host->watched[at + 1], &host->watched[at],
		(host->watched_cnt - at) * sizeof(*host->watched));
	host->watched[at] = watched;
	host->watched_cnt++;
	host->counts.found++;
	return 0;
}

/* Begins to watch a Python. Returns whether it need not be looked at again. */
static bool watch(struct host *host, pid_t pid)
{
	const struct host_filter *filter = &host->options.filter;
	struct watched *watched = NULL;
	struct failure failure;
	int err = watched__new(&watched, pid, &failure);

	if (err == -EAGAIN)
		return false; /* it has not come up yet */
	if (err) {
		log_debug("%s", failure.text);
		host->counts.unreadable += err != -ESRCH;
		host->out_of_memory |= err == -ENOMEM;
		return true;
	}
	if ((filter->user && strcmp(filter->user, watched->user) != 0) || insert(host, watched)) {
		watched__free(watched);
		return true;
	}
	return true;
}

/* Whether a candidate is done with: it is gone, watched, or not wanted. */
static bool look(void *context, pid_t pid)
{
	_cleanup_(process__freep) struct process *process = NULL;
	struct host *host = context;
	struct failure failure;
	bool is_python;

	if (place_of(host, pid) < host->watched_cnt)
		return true;
	if (process__open(&process, pid, &failure))
		return true;
	if (!process->map_cnt)
		return true; /* a kernel thread */
	if (python_files__find(&host->files, process, &is_python)) {
		host->out_of_memory = true;
		return true;
	}
	if (!is_python)
		return false;
	return !is_wanted(host, process) || watch(host, pid);
}

static int take_event(void *context, const struct pyfrag_process_event *event)
{
	struct host *host = context;
	size_t at = place_of(host, (pid_t)event->tgid);

	/* It is another program now. */
	if (event->type == PROCESS_EXECED && at < host->watched_cnt)
		drop(host, at);
	return candidates__add(&host->candidates, (pid_t)event->tgid, clock_ns(CLOCK_MONOTONIC));
}

static int start_watching(struct host *host)
{
	struct failure failure;
	int err = process_events__new(&host->events, take_event, host, &failure);

	if (err == -ENOMEM)
		return err;
	if (err)
		log_note("%s; /proc is looked at instead, at each interval", failure.text);
	return 0;
}

int host__new(struct host **out, const struct host_options *options, struct failure *failure)
{
	_cleanup_(host__freep) struct host *host = calloc(1, sizeof(*host));
	int err;

	if (!host)
		return failure__set(failure, -ENOMEM, "out of memory");
	host->options = *options;
	host->saved_at_ns = clock_ns(CLOCK_MONOTONIC);
	host->saved_ns = SAVED_NS_MAX;
	if (options->filter.match) {
		err = regcomp(&host->match, options->filter.match, REG_EXTENDED | REG_NOSUB);
		if (err)
			return failure__set(failure, -EINVAL,
					    "--match: '%s' is no regular expression (POSIX, "
					    "extended)",
					    options->filter.match);
		host->has_match = true;
	}
	err = start_watching(host);
	if (!err)
		err = candidates__scan(&host->candidates, host->saved_at_ns);
	if (err)
		return failure__set(failure, err, "cannot look for processes in /proc: %s",
				    strerror(-err));
	*out = TAKE_PTR(host);
	return 0;
}

/* Whom we have not heard of: events were lost, or there are none. */
static int find_missed(struct host *host, uint64_t now_ns)
{
	uint64_t lost = host->events ? process_events__lost(host->events) : 0;

	if (host->events && lost == host->lost_cnt)
		return 0;
	host->lost_cnt = lost;
	host->counts.events_lost = lost;
	return candidates__scan(&host->candidates, now_ns);
}

static void drop_gone(struct host *host)
{
	for (size_t i = host->watched_cnt; i--;)
		if (!watched__is_alive(host->watched[i]) ||
		    host->watched[i]->error_cnt > ERRORS_MAX)
			drop(host, i);
}

/* When a process is to be read again. */
static uint64_t due_ns(const struct host *host, const struct watched *watched)
{
	return watched->read_ns ? watched->read_ns + (uint64_t)(host->options.interval_s * 1e9) : 0;
}

/* How long it has waited, by what reading it takes: the more, the more urgent. */
static double urgency(const struct watched *watched, uint64_t now_ns)
{
	double cost_ns = watched->taken_ns ? (double)watched->taken_ns : 1e6;

	return watched->read_ns ? (double)(now_ns - watched->read_ns) / cost_ns : 1e300;
}

static struct watched *pick(const struct host *host, uint64_t now_ns)
{
	struct watched *picked = NULL;

	for (size_t i = 0; i < host->watched_cnt; i++) {
		struct watched *watched = host->watched[i];

		if (due_ns(host, watched) <= now_ns &&
		    (!picked || urgency(watched, now_ns) > urgency(picked, now_ns)))
			picked = watched;
	}
	return picked;
}

static void save_budget(struct host *host, uint64_t now_ns)
{
	host->saved_ns += host->options.budget * (double)(now_ns - host->saved_at_ns);
	if (host->saved_ns > SAVED_NS_MAX)
		host->saved_ns = SAVED_NS_MAX;
	host->saved_at_ns = now_ns;
}

static void read_one(struct host *host, struct watched *watched, uint64_t now_ns)
{
	uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct failure failure;
	int err = watched__read(watched, &host->options.watched, &failure);
	uint64_t taken_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;

	host->counts.readings++;
	host->counts.taken_ns += taken_ns;
	host->saved_ns -= (double)taken_ns;
	if (!err)
		return;
	watched->read_ns = now_ns; /* it is tried again at the next interval */
	host->out_of_memory |= err == -ENOMEM;
	host->counts.read_errors += err != -ESRCH;
	log_debug("%s", failure.text);
}

static void read_due(struct host *host)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	struct watched *watched;

	save_budget(host, now_ns);
	while ((watched = pick(host, now_ns))) {
		if (host->saved_ns < 0) {
			host->counts.deferred++;
			return;
		}
		read_one(host, watched, now_ns);
	}
}

void host__set_pace(struct host *host, double interval_s, double budget)
{
	host->options.interval_s = interval_s;
	host->options.budget = budget;
}

int host__work(struct host *host)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	int err = host->events ? process_events__take(host->events) : 0;

	if (!err)
		err = find_missed(host, now_ns);
	if (err)
		return err;
	drop_gone(host);
	candidates__look(&host->candidates, now_ns, look, host);
	read_due(host);
	return host->out_of_memory ? -ENOMEM : 0;
}

size_t host__watched(const struct host *host, struct watched *const **watched)
{
	*watched = host->watched;
	return host->watched_cnt;
}

const struct host_counts *host__counts(const struct host *host)
{
	return &host->counts;
}
