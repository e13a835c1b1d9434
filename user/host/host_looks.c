// SPDX-License-Identifier: BSD-2-Clause
#include "host/host_looks.h"

#include <errno.h>
#include <signal.h>

#include "host/host_jobs.h"
#include "host/host_members.h"
#include "util/clock.h"

bool host_looks__may_go_on(const struct host *host)
{
	return jobs__late_cnt(&host->jobs) < READERS_LATE_MAX &&
	       clock_ns(CLOCK_MONOTONIC) < host->work_until_ns;
}

/* Which processes to look at in this pass: all, or only those of users within their share. */
struct look {
	struct host *host;
	bool at_all;
};

/*
 * Finds the owner of the candidate; a process can make this wait. If candidate->has_owner is not
 * set afterwards, the result says what to do with the candidate.
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
		result = host_jobs__try(host, &job, &done);
	if (done) {
		err = done->err;
		candidate->owner = done->found;
		host_jobs__take_result(host, done);
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

	/* Most new processes have exited by now; this is cheaper than a job. */
	if (host_members__find(host, pid) || (kill(pid, 0) && errno == ESRCH))
		return LOOK_DONE;
	/* The process may have executed another program since that job started. */
	if (jobs__find_late(&host->jobs, pid))
		return LOOK_LATER;
	if (!host_looks__may_go_on(host) || !schedule__has_budget(&host->schedule))
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
	return host_jobs__run(host, &job);
}

void host_looks__take(struct host *host, uint64_t now_ns)
{
	struct look look_first = {.host = host}, look_then = {.host = host, .at_all = true};

	candidates__look(&host->candidates, now_ns, look, &look_first);
	candidates__look(&host->candidates, now_ns, look, &look_then);
}
