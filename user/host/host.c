// SPDX-License-Identifier: BSD-2-Clause
#include "host/host.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_jobs.h"
#include "host/host_looks.h"
#include "host/host_members.h"
#include "host/host_state.h"
#include "host/memory_shares.h"
#include "host/places.h"
#include "host/probing_choice.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* If a heap cannot be read this many times in a row, the process has become another program. */
#define ERRORS_MAX 5
/* If even the newest reading is older than this, something is wrong. */
#define INTERVALS_OLD 10
#define OLD_NS_MIN    60e9
/* How long after Pythons were left out for lack of room to look for them again. */
#define LEFT_OUT_NS 60000000000UL
/* How long host__work() may take before it returns to its caller. */
#define WORK_NS 250000000UL

void host__free(struct host *host)
{
	if (!host)
		return;
	process_events__free(TAKE_PTR(host->events));
	/* Stalled jobs still use the rest; it is freed when this process exits. */
	if (!jobs__release(&host->jobs))
		return;
	for (size_t i = 0; i < host->watched_cnt; i++)
		watched__free(host->watched[i]);
	for (size_t i = 0; i < host->leaving_cnt; i++)
		watched__free(host->leaving[i]);
	free(host->watched);
	free(host->leaving);
	candidates__release(&host->candidates);
	finder__free(host->finder);
	account__close(host->memory);
	free(host);
}

void host__freep(struct host **host)
{
	host__free(*host);
}

struct watched *host__find(const struct host *host, pid_t pid)
{
	return host_members__find(host, pid);
}

static int take_event(void *context, const struct pyfrag_process_event *event)
{
	struct host *host = context;
	size_t at = host_members__place(host, (pid_t)event->tgid);

	/* It is another program now. */
	if (event->type == PROCESS_EXECED && at < host->watched_cnt &&
	    host->watched[at]->pid == (pid_t)event->tgid)
		host_members__drop(host, at);
	return candidates__add(&host->candidates, (pid_t)event->tgid, clock_ns(CLOCK_MONOTONIC));
}

static int start_watching(struct host *host)
{
	struct failure failure;
	int err = process_events__new(&host->events, take_event, host, &failure);

	if (err == -ENOMEM)
		return err;
	if (err)
		log_note("%s; pyfrag searches /proc at each interval instead", failure.text);
	return 0;
}

int host__new(struct host **out, const struct host_options *options, struct failure *failure)
{
	_cleanup_(host__freep) struct host *host = calloc(1, sizeof(*host));
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	int err;

	if (!host || account__new(&host->memory, options->max_memory_bytes, NULL))
		return failure__set(failure, -ENOMEM, "out of memory");
	host->options = *options;
	host->place_cnt = places__limit(options->max_memory_bytes);
	schedule__begin(&host->schedule, options->pace.interval_s, options->pace.budget, now_ns);
	err = finder__new(&host->finder, &options->filter, host->memory,
			  options->watched.reads_swapped, failure);
	if (err)
		return err;
	err = jobs__init(&host->jobs);
	if (!err)
		err = start_watching(host);
	if (!err)
		err = candidates__scan(&host->candidates, now_ns);
	if (err)
		return failure__set(failure, err, "cannot search /proc for processes: %s",
				    strerror(-err));
	*out = TAKE_PTR(host);
	return 0;
}

/* Whether there is room again for processes that were left out. */
static bool may_take_in(const struct host *host, uint64_t now_ns)
{
	return host->left_out_ns && now_ns - host->left_out_ns > LEFT_OUT_NS &&
	       host->watched_cnt < host->place_cnt;
}

/*
 * Searches /proc for unknown processes if events were lost or are not available, or if there is
 * room for processes that were left out.
 */
static int find_missed(struct host *host, uint64_t now_ns)
{
	uint64_t lost = host->events ? process_events__lost(host->events) : 0;

	if (host->events && lost == host->lost_cnt && !may_take_in(host, now_ns))
		return 0;
	host->left_out_ns = 0;
	host->lost_cnt = lost;
	host->counts.events_lost = lost;
	return candidates__scan(&host->candidates, now_ns);
}

static void drop_gone(struct host *host)
{
	for (size_t i = host->watched_cnt; i--;)
		if (!watched__is_alive(host->watched[i]) ||
		    host->watched[i]->error_cnt > ERRORS_MAX)
			host_members__drop(host, i);
}

static struct schedule_need need_of(const struct host *host, const struct watched *watched)
{
	const struct findings *findings = &watched->last.findings;
	double arena_bytes = (double)findings->measure.totals.region_bytes;

	return (struct schedule_need){
		.read_ns = watched->read_ns,
		.taken_ns = watched__expected_ns(watched, host_jobs__reads_memory(host, watched)),
		.overrun_cnt = watched->overrun_cnt,
		.arena_bytes = arena_bytes,
		.held_back =
			arena_bytes > 0 ? (double)findings->pinned.hostage_bytes / arena_bytes : 0,
		.growth = growth__per_minute(&watched->trend),
		.is_wanted = watched->wants_kinds,
	};
}

/* Whether no job of this process is late, and its owner has a place for another job. */
static bool may_read(const struct host *host, const struct watched *watched)
{
	return !jobs__find_late(&host->jobs, watched->pid) &&
	       jobs__has_place(&host->jobs, watched__owner(watched));
}

/*
 * Picks the most urgent process that is due, or NULL. Users who are within their share go first.
 * Sets *deferred if a process has to wait for the budget.
 */
static struct watched *pick(const struct host *host, uint64_t now_ns, bool *deferred)
{
	struct watched *picked = NULL;
	bool picked_is_over = true;
	double most = -1;

	for (size_t i = 0; i < host->watched_cnt; i++) {
		struct watched *watched = host->watched[i];
		const struct schedule_need need = need_of(host, watched);
		bool is_over = user_shares__is_over(&host->shares, watched__owner(watched));
		double urgency;

		if (!schedule__is_due(&host->schedule, &need, now_ns) || !may_read(host, watched) ||
		    (is_over && !picked_is_over))
			continue;
		if (!schedule__affords(&host->schedule, watched__owner(watched), need.taken_ns)) {
			*deferred = true;
			continue;
		}
		urgency = schedule__urgency(&need, now_ns);
		if (urgency > most || (picked_is_over && !is_over)) {
			most = urgency;
			picked = watched;
			picked_is_over = is_over;
		}
	}
	return picked;
}

static void tend_probed(struct host *host)
{
	for (size_t i = 0; i < host->watched_cnt; i++)
		if (host->watched[i]->growth && may_read(host, host->watched[i]))
			host_jobs__run_on(host, host->watched[i], JOB_TEND);
}

static void read_due(struct host *host, uint64_t now_ns)
{
	struct watched *watched;
	bool deferred = false;

	while (host_looks__may_go_on(host) && (watched = pick(host, now_ns, &deferred)))
		if (host_jobs__run_on(host, watched, JOB_READ) == LOOK_STOP)
			break;
	host->counts.deferred += deferred;
}

static bool may_forget(const void *context, const struct watched *watched)
{
	const struct host *host = context;

	return (watched->reading.heap || watched->has_last) && !watched->wants_growth &&
	       !watched->growth && !jobs__find_late(&host->jobs, watched->pid);
}

/*
 * Keeps an eighth of the limit free for the next reading. If a reading was refused memory, keeps
 * seven eighths free, as far as memory_shares__forget_one() allows it.
 */
static void keep_memory(struct host *host)
{
	_cleanup_(memory_shares__release) struct memory_shares shares = {};
	uint64_t limit = host->options.max_memory_bytes;
	uint64_t most = host->refused ? limit / 8 : limit / 8 * 7;

	if (account__usage(host->memory).used_bytes > most &&
	    memory_shares__measure(&shares, host->watched, host->watched_cnt))
		host->out_of_memory = true;
	while (account__usage(host->memory).used_bytes > most &&
	       memory_shares__forget_one(&shares, host->refused, limit, may_forget, host))
		host->counts.forgotten++;
	host->refused = NULL;
}

struct account_usage host__memory(const struct host *host)
{
	return account__usage(host->memory);
}

void host__set_pace(struct host *host, const struct pace *pace)
{
	host->schedule.interval_s = pace->interval_s;
	host->schedule.budget = pace->budget;
}

int host__work(struct host *host)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	int err = host->events ? process_events__take(host->events) : 0;

	host->work_until_ns = now_ns + WORK_NS;
	host_jobs__take_late(host);
	if (!err)
		err = find_missed(host, now_ns);
	if (err)
		return err;
	drop_gone(host);
	host_jobs__free_leaving(host);
	tend_probed(host);
	if (host__reports_sites(host))
		probing_choice__make(host->watched, host->watched_cnt, now_ns);
	schedule__save(&host->schedule, now_ns);
	user_shares__tick(&host->shares);
	/*
	 * Readings and looks alternate in going first, so that someone who keeps starting processes
	 * does not keep others from being read.
	 */
	if (host->reads_first)
		read_due(host, now_ns);
	host_looks__take(host, now_ns);
	if (!host->reads_first)
		read_due(host, now_ns);
	host->reads_first = !host->reads_first;
	keep_memory(host);
	host->counts.hanging = jobs__late_cnt(&host->jobs);
	host->counts.files_left_out = finder__files_left_out(host->finder);
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

bool host__is_stuck(const struct host *host)
{
	return jobs__late_cnt(&host->jobs) == READERS_LATE_MAX;
}

/* Old readings are no sign of trouble while processes wait for the budget. */
bool host__is_stale(const struct host *host)
{
	double interval_ns = host->schedule.interval_s * 1e9;
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC),
		 old_ns = (uint64_t)fmax(INTERVALS_OLD * interval_ns, OLD_NS_MIN);

	bool is_known = false;

	for (size_t i = 0; i < host->watched_cnt; i++) {
		uint64_t known_ns = host->watched[i]->known_ns;

		if (known_ns && now_ns - known_ns < old_ns)
			return false;
		is_known |= known_ns != 0;
	}
	return is_known && schedule__has_budget(&host->schedule) &&
	       !schedule__has_debts(&host->schedule);
}

bool host__reports_sites(const struct host *host)
{
	return host->options.watched.sites != 0;
}
