// SPDX-License-Identifier: BSD-2-Clause
#include "host/host.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "host/candidates.h"
#include "host/jobs.h"
#include "host/memory_shares.h"
#include "host/pid_order.h"
#include "host/places.h"
#include "host/probing_choice.h"
#include "host/schedule.h"
#include "host/user_shares.h"
#include "probes/process_events.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/*
 * A heap that cannot be read that often in a row is not ours: the process has become another
 * program.
 */
#define ERRORS_MAX 5
/* When all that is known is that old, something is wrong. */
#define INTERVALS_OLD 10
#define OLD_NS_MIN    60e9
/* So long after Pythons were left out for want of room it is looked for them again. */
#define LEFT_OUT_NS 60000000000UL
/* After so long the host's owner has its turn. */
#define WORK_NS 250000000UL

struct host {
	struct host_options options;
	struct account *memory; /* of all that is known of all Pythons */
	struct watched
		*refused; /* whose last reading would have taken more than there was; or NULL */
	struct process_events *events; /* NULL: not permitted here; /proc is looked at instead */
	uint64_t lost_cnt;
	struct candidates candidates;
	struct finder *finder;
	struct jobs jobs;
	struct watched **watched; /* by pid */
	size_t watched_cnt, watched_capacity;
	/* Those that are not watched any more, but whose probes are yet to be taken out. */
	struct watched **leaving;
	size_t leaving_cnt, leaving_capacity;
	size_t place_cnt; /* so many are watched at most */
	/* CLOCK_MONOTONIC: when one was left out first that is not looked for yet; 0: none. */
	uint64_t left_out_ns;
	struct schedule schedule;
	struct user_shares shares;
	bool reads_first;	/* before it looks at candidates: each has its turn */
	uint64_t work_until_ns; /* CLOCK_MONOTONIC */
	struct host_counts counts;
	bool out_of_memory;
};

void host__free(struct host *host)
{
	if (!host)
		return;
	process_events__free(TAKE_PTR(host->events));
	/* What hangs goes with the process, and until then looks at the rest. */
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

static pid_t pid_of(const void *items, size_t i)
{
	return ((struct watched *const *)items)[i]->pid;
}

static size_t find_watched(const struct host *host, pid_t pid)
{
	return pid_order__find(host->watched, host->watched_cnt, pid_of, pid);
}

struct watched *host__find(const struct host *host, pid_t pid)
{
	size_t at = find_watched(host, pid);

	return at < host->watched_cnt && host->watched[at]->pid == pid ? host->watched[at] : NULL;
}

/* To take probes out may take for ever: so a job does that, once there is a place for it. */
static void dismiss(struct host *host, struct watched *watched)
{
	if (!watched->growth) {
		watched__free(watched);
	} else if (ARRAY_RESERVE(host->leaving, host->leaving_capacity, host->leaving_cnt + 1)) {
		host->out_of_memory = true;
		watched__free(watched);
	} else {
		host->leaving[host->leaving_cnt++] = watched;
	}
}

/* What is being read is freed when the reading has ended. */
static void drop(struct host *host, size_t at)
{
	struct watched *watched = host->watched[at];
	struct job *job = jobs__find_late(&host->jobs, watched->pid);

	memmove(&host->watched[at], &host->watched[at + 1],
		(--host->watched_cnt - at) * sizeof(*host->watched));
	host->counts.gone++;
	if (host->refused == watched)
		host->refused = NULL;
	if (job && job->watched == watched)
		job->owns_watched = true;
	else
		dismiss(host, watched);
}

/* Returns whether there is room for @watched; another one may have to go. */
static bool make_place(struct host *host, const struct watched *watched)
{
	size_t yielding;

	if (host->watched_cnt < host->place_cnt)
		return true;
	host->counts.left_out++;
	if (!host->left_out_ns)
		host->left_out_ns = clock_ns(CLOCK_MONOTONIC);
	yielding = places__find_yielding(host->watched, host->watched_cnt, watched__owner(watched));
	if (yielding == SIZE_MAX)
		return false;
	drop(host, yielding);
	return true;
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

static void take_reading(struct host *host, struct job *job)
{
	int err = job->result.err;

	host->counts.readings++;
	if (err) {
		host->out_of_memory |= err == -ENOMEM;
		host->counts.read_errors += err != -ESRCH;
		host->counts.overruns += err == -ETIME;
		if (err == -ETIME && !job->watched->overrun_cnt)
			log_note("%s", job->result.failure.text);
		else
			log_debug("%s", job->result.failure.text);
	}
	if (job->owns_watched)
		return;
	watched__adopt(job->watched, &job->result);
	/*
	 * Room is made once: what there is never enough for does not cost the others theirs each
	 * time.
	 */
	if (job->watched->refused_cnt == 1)
		host->refused = job->watched;
}

/* What others have used up, and give back. */
static bool is_passing(int err)
{
	return err == -EDQUOT || err == -EMFILE || err == -ENFILE;
}

static enum look_result take_look(struct host *host, struct job *job)
{
	if (job->err == -EAGAIN || is_passing(job->err))
		return LOOK_AGAIN;
	if (job->err) {
		host->counts.unreadable++;
		host->counts.overruns += job->err == -ETIME;
		host->out_of_memory |= job->err == -ENOMEM;
		if (job->err == -ETIME)
			log_note("%s", job->failure.text);
		else
			log_debug("%s", job->failure.text);
	} else if (job->watched && !host__find(host, job->pid) && make_place(host, job->watched)) {
		if (insert(host, job->watched))
			host->out_of_memory = true;
		else
			job->watched = NULL;
	}
	return LOOK_DONE;
}

/* Of a job that is done; it is freed. */
static enum look_result take_result(struct host *host, struct job *job)
{
	enum look_result result = LOOK_DONE;

	host->counts.taken_ns += job->taken_ns;
	schedule__spend(&host->schedule, job->owner, job->taken_ns, job->expected_ns);
	if (job->kind == JOB_READ)
		take_reading(host, job);
	else if (job->kind == JOB_LOOK)
		result = take_look(host, job);
	else if (job->kind == JOB_OWNER && !job->err)
		result = LOOK_AGAIN;
	if (job->owns_watched)
		dismiss(host, TAKE_PTR(job->watched));
	job__free(job);
	return result;
}

static void take_late(struct host *host)
{
	struct job *job;

	while ((job = jobs__take_late(&host->jobs))) {
		uint32_t look_cnt = job->look_cnt;
		pid_t pid = job->pid;

		user_shares__spend(&host->shares, job->owner, job->taken_ns);
		if (take_result(host, job) == LOOK_AGAIN &&
		    candidates__add_again(&host->candidates, pid, look_cnt,
					  clock_ns(CLOCK_MONOTONIC)))
			host->out_of_memory = true;
	}
}

/* *done: the job, if it is; else NULL, and the result says what becomes of a candidate. */
static enum look_result try_job(struct host *host, struct job *job, struct job **done)
{
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	int err;

	*done = NULL;
	job->finder = host->finder;
	job->options = host->options.watched;
	if (job->kind == JOB_READ) {
		job->expected_ns = watched__expected_ns(job->watched);
		job->options.with_kinds = job->watched->wants_kinds;
		job->options.with_growth = job->watched->wants_growth;
	}
	err = jobs__run(&host->jobs, job, done);
	user_shares__spend(&host->shares, job->owner, clock_ns(CLOCK_MONOTONIC) - start_ns);
	if (!err)
		return LOOK_DONE;
	host->counts.late += err == -EINPROGRESS;
	host->out_of_memory |= err == -ENOMEM;
	return err == -EINPROGRESS ? LOOK_DONE : LOOK_STOP;
}

static enum look_result run_job(struct host *host, struct job *job)
{
	struct job *done;
	enum look_result result = try_job(host, job, &done);

	return done ? take_result(host, done) : result;
}

static enum look_result run(struct host *host, pid_t pid, process_owner owner, enum job_kind kind,
			    struct watched *watched)
{
	struct job job = {.pid = pid, .owner = owner, .kind = kind, .watched = watched};

	return run_job(host, &job);
}

static void free_leaving(struct host *host)
{
	size_t kept = 0;

	for (size_t i = 0; i < host->leaving_cnt; i++) {
		struct watched *watched = host->leaving[i];
		process_owner owner = watched__owner(watched);

		if (!jobs__has_place(&host->jobs, owner) ||
		    run(host, watched->pid, owner, JOB_FREE, watched) == LOOK_STOP)
			host->leaving[kept++] = watched;
	}
	host->leaving_cnt = kept;
}

static bool may_go_on(const struct host *host)
{
	return !host__is_stuck(host) && clock_ns(CLOCK_MONOTONIC) < host->work_until_ns;
}

/* Whose processes are to be looked at now: those of users who have not had their share, or all. */
struct look {
	struct host *host;
	bool at_all;
};

/*
 * Whose process it is; a process can make whoever asks wait. Unless candidate->has_owner is set
 * then, the result says what becomes of it.
 */
static enum look_result find_owner(struct host *host, struct candidate *candidate)
{
	struct job job = {.pid = candidate->pid,
			  .kind = JOB_OWNER,
			  .look_cnt = candidate->look_cnt};
	int err = process_owner__find_now(candidate->pid, &job.owner);
	enum look_result result = LOOK_DONE;
	struct job *done = NULL;

	candidate->owner = job.owner;
	if (err == -EAGAIN && !jobs__has_place(&host->jobs, job.owner)) {
		host->counts.held_back++;
		return LOOK_LATER;
	}
	if (err == -EAGAIN)
		result = try_job(host, &job, &done);
	if (done) {
		err = done->err;
		candidate->owner = done->found;
		take_result(host, done);
	}
	candidate->has_owner = !err;
	return result;
}

static enum look_result look(void *context, struct candidate *candidate)
{
	const struct look *look = context;
	struct host *host = look->host;
	pid_t pid = candidate->pid;
	struct job job = {.pid = pid, .kind = JOB_LOOK, .look_cnt = candidate->look_cnt + 1};

	/* Most that come to be have ended by now; that is known without a thread. */
	if (host__find(host, pid) || (kill(pid, 0) && errno == ESRCH))
		return LOOK_DONE;
	/* It may have become another program since that began. */
	if (jobs__find_late(&host->jobs, pid))
		return LOOK_LATER;
	if (!may_go_on(host) || !schedule__has_budget(&host->schedule))
		return LOOK_STOP;
	if (!candidate->has_owner) {
		enum look_result result = find_owner(host, candidate);

		if (!candidate->has_owner)
			return result;
	}
	if (!look->at_all && user_shares__is_over(&host->shares, candidate->owner))
		return LOOK_LATER;
	if (!jobs__has_place(&host->jobs, candidate->owner) ||
	    !schedule__affords(&host->schedule, candidate->owner, 0)) {
		host->counts.held_back++;
		return LOOK_LATER;
	}
	job.owner = candidate->owner;
	return run_job(host, &job);
}

static void look_at_candidates(struct host *host, uint64_t now_ns)
{
	struct look look_first = {.host = host}, look_then = {.host = host, .at_all = true};

	candidates__look(&host->candidates, now_ns, look, &look_first);
	candidates__look(&host->candidates, now_ns, look, &look_then);
}

static int take_event(void *context, const struct pyfrag_process_event *event)
{
	struct host *host = context;
	size_t at = find_watched(host, (pid_t)event->tgid);

	/* It is another program now. */
	if (event->type == PROCESS_EXECED && at < host->watched_cnt &&
	    host->watched[at]->pid == (pid_t)event->tgid)
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
	schedule__begin(&host->schedule, options->interval_s, options->budget, now_ns);
	err = finder__new(&host->finder, &options->filter, host->memory, failure);
	if (err)
		return err;
	err = jobs__init(&host->jobs);
	if (!err)
		err = start_watching(host);
	if (!err)
		err = candidates__scan(&host->candidates, now_ns);
	if (err)
		return failure__set(failure, err, "cannot look for processes in /proc: %s",
				    strerror(-err));
	*out = TAKE_PTR(host);
	return 0;
}

/* Whether there is room for some that there was none for. */
static bool may_take_in(const struct host *host, uint64_t now_ns)
{
	return host->left_out_ns && now_ns - host->left_out_ns > LEFT_OUT_NS &&
	       host->watched_cnt < host->place_cnt;
}

/* Those that are not known: events were lost, or there are none; or there was no room for them. */
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
			drop(host, i);
}

static struct schedule_need need_of(const struct watched *watched)
{
	const struct findings *findings = &watched->last.findings;
	double arena_bytes = (double)findings->measure.totals.arena_bytes;

	return (struct schedule_need){
		.read_ns = watched->read_ns,
		.taken_ns = watched__expected_ns(watched),
		.overrun_cnt = watched->overrun_cnt,
		.arena_bytes = arena_bytes,
		.held_back =
			arena_bytes > 0 ? (double)findings->pinned.hostage_bytes / arena_bytes : 0,
		.growth = growth__per_minute(&watched->trend),
		.is_wanted = watched->wants_kinds,
	};
}

/* Whether it would hang, or keep its user from what others may do. */
static bool may_read(const struct host *host, const struct watched *watched)
{
	return !jobs__find_late(&host->jobs, watched->pid) &&
	       jobs__has_place(&host->jobs, watched__owner(watched));
}

/*
 * The most urgent of those that are due, those first whose users have not had their share; or NULL.
 * *deferred: others have to wait for the budget.
 */
static struct watched *pick(const struct host *host, uint64_t now_ns, bool *deferred)
{
	struct watched *picked = NULL;
	bool picked_is_over = true;
	double most = -1;

	for (size_t i = 0; i < host->watched_cnt; i++) {
		struct watched *watched = host->watched[i];
		const struct schedule_need need = need_of(watched);
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
			run(host, host->watched[i]->pid, watched__owner(host->watched[i]), JOB_TEND,
			    host->watched[i]);
}

static void read_due(struct host *host, uint64_t now_ns)
{
	struct watched *watched;
	bool deferred = false;

	while (may_go_on(host) && (watched = pick(host, now_ns, &deferred)))
		if (run(host, watched->pid, watched__owner(watched), JOB_READ, watched) ==
		    LOOK_STOP)
			break;
	host->counts.deferred += deferred;
}

static bool may_forget(const void *context, const struct watched *watched)
{
	const struct host *host = context;

	return (watched->reading.heap || watched->has_last) && !watched->wants_growth &&
	       !watched->growth && !jobs__find_late(&host->jobs, watched->pid);
}

/* Leaves room for the next reading, and for one that was refused all the room it has a right to. */
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

void host__set_pace(struct host *host, double interval_s, double budget)
{
	host->schedule.interval_s = interval_s;
	host->schedule.budget = budget;
}

int host__work(struct host *host)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	int err = host->events ? process_events__take(host->events) : 0;

	host->work_until_ns = now_ns + WORK_NS;
	take_late(host);
	if (!err)
		err = find_missed(host, now_ns);
	if (err)
		return err;
	drop_gone(host);
	free_leaving(host);
	tend_probed(host);
	if (host__tells_sites(host))
		probing_choice__make(host->watched, host->watched_cnt, now_ns);
	schedule__save(&host->schedule, now_ns);
	user_shares__tick(&host->shares);
	/* Who starts processes all the time does not keep others from being read. */
	if (host->reads_first)
		read_due(host, now_ns);
	look_at_candidates(host, now_ns);
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

/* What waits for the budget is old on purpose. */
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

bool host__tells_sites(const struct host *host)
{
	return host->options.watched.sites != 0;
}
