// SPDX-License-Identifier: BSD-2-Clause
#include "host/host_jobs.h"

#include <errno.h>

#include "host/host_members.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* Processes of which all memory may be read in one interval. */
#define MEMORY_TURNS 8

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
	 * Make room only at the first refusal, so that a process for which there is never enough
	 * memory does not cost the others theirs each time.
	 */
	if (job->watched->refused_cnt == 1)
		host->refused = job->watched;
}

/* Whether the cause was a lack of something that others may release. */
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
	} else if (job->watched && !host_members__find(host, job->pid) &&
		   host_members__make_room(host, job->watched)) {
		if (host_members__insert(host, job->watched))
			host->out_of_memory = true;
		else
			job->watched = NULL;
	}
	return LOOK_DONE;
}

enum look_result host_jobs__take_result(struct host *host, struct job *job)
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
		host_members__dismiss(host, TAKE_PTR(job->watched));
	job__free(job);
	return result;
}

void host_jobs__take_late(struct host *host)
{
	struct job *job;

	while ((job = jobs__take_late(&host->jobs))) {
		uint32_t look_cnt = job->look_cnt;
		pid_t pid = job->pid;

		user_shares__spend(&host->shares, job->owner, job->taken_ns);
		if (host_jobs__take_result(host, job) == LOOK_AGAIN &&
		    candidates__add_again(&host->candidates, pid, look_cnt,
					  clock_ns(CLOCK_MONOTONIC)))
			host->out_of_memory = true;
	}
}

/*
 * Whether it is the turn of a process to have all of its memory read. Among many processes each has
 * its turn only every few intervals, so that their first readings do not come all at once.
 */
static bool has_memory_turn(const struct host *host, const struct watched *watched)
{
	double interval_ns = host->options.pace.interval_s * 1e9;
	uint64_t turns = host->watched_cnt / MEMORY_TURNS + 1,
		 interval = (uint64_t)((double)clock_ns(CLOCK_MONOTONIC) / interval_ns);

	return (uint64_t)watched->pid % turns == interval % turns;
}

bool host_jobs__reads_memory(const struct host *host, const struct watched *watched)
{
	return host->options.watched.with_memory && watched__is_memory_due(watched) &&
	       has_memory_turn(host, watched);
}

enum look_result host_jobs__try(struct host *host, struct job *job, struct job **done)
{
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	int err;

	*done = NULL;
	job->finder = host->finder;
	job->options = host->options.watched;
	if (job->kind == JOB_READ) {
		job->options.with_memory = host_jobs__reads_memory(host, job->watched);
		job->expected_ns = watched__expected_ns(job->watched, job->options.with_memory);
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

enum look_result host_jobs__run(struct host *host, struct job *job)
{
	struct job *done;
	enum look_result result = host_jobs__try(host, job, &done);

	return done ? host_jobs__take_result(host, done) : result;
}

enum look_result host_jobs__run_on(struct host *host, struct watched *watched, enum job_kind kind)
{
	struct job job = {.pid = watched->pid,
			  .owner = watched__owner(watched),
			  .kind = kind,
			  .watched = watched};

	return host_jobs__run(host, &job);
}

void host_jobs__free_leaving(struct host *host)
{
	size_t kept = 0;

	for (size_t i = 0; i < host->leaving_cnt; i++) {
		struct watched *watched = host->leaving[i];

		if (!jobs__has_place(&host->jobs, watched__owner(watched)) ||
		    host_jobs__run_on(host, watched, JOB_FREE) == LOOK_STOP)
			host->leaving[kept++] = watched;
	}
	host->leaving_cnt = kept;
}
