// SPDX-License-Identifier: BSD-2-Clause
#include "host/jobs.h"

#include <errno.h>
#include <stdlib.h>

#include "target/reading_allowance.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* Jobs that take longer are late: they continue in the background. */
#define LATE_NS 500000000UL

int jobs__init(struct jobs *jobs)
{
	*jobs = (struct jobs){};
	return readers__new(&jobs->readers);
}

void job__free(struct job *job)
{
	if (!job)
		return;
	if (job->owns_watched || job->kind == JOB_LOOK)
		watched__free(job->watched);
	watched_result__release(&job->result);
	free(job);
}

bool jobs__release(struct jobs *jobs)
{
	struct job *job;

	if (!jobs->readers)
		return true;
	while ((job = jobs__take_late(jobs)))
		job__free(job);
	return !readers__free(TAKE_PTR(jobs->readers));
}

/* Runs in a thread of the readers. */
static void run(struct reader_job *base)
{
	struct job *job = (struct job *)base;
	uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	switch (job->kind) {
	case JOB_OWNER:
		job->err = process_owner__find(job->pid, &job->found);
		break;
	case JOB_LOOK:
		reading_allowance__begin(READING_HEAP, job->pid, job->options.max_cpu_s);
		job->err = finder__look(job->finder, job->pid, &job->watched, &job->failure);
		job->err = reading_allowance__end(job->pid, job->err, &job->failure);
		break;
	case JOB_READ:
		watched__read(job->watched, &job->options, &job->result);
		break;
	case JOB_TEND:
		reading_allowance__begin(READING_HEAP, job->pid, job->options.max_cpu_s);
		watched__tend(job->watched);
		reading_allowance__end(job->pid, 0, &job->failure);
		break;
	case JOB_FREE:
		watched__free(TAKE_PTR(job->watched));
	}
	job->taken_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
}

/* There is a free place, because the readers have no more late jobs than that. */
static void note_late(struct jobs *jobs, struct job *job)
{
	int place = 0;

	log_debug("process %d: its reading is stalled; pyfrag continues with the other processes",
		  job->pid);
	while (jobs->late[place])
		place++;
	jobs->late[place] = job;
}

int jobs__run(struct jobs *jobs, const struct job *job, struct job **out)
{
	struct job *copy = malloc(sizeof(*copy));
	int err;

	if (!copy)
		return -ENOMEM;
	*copy = *job;
	copy->base.run = run;
	err = readers__run(jobs->readers, &copy->base, LATE_NS);
	if (err == -EINPROGRESS)
		note_late(jobs, copy);
	else if (err)
		free(copy);
	else
		*out = copy;
	return err;
}

struct job *jobs__find_late(const struct jobs *jobs, pid_t pid)
{
	for (int i = 0; i < READERS_LATE_MAX; i++)
		if (jobs->late[i] && jobs->late[i]->pid == pid)
			return jobs->late[i];
	return NULL;
}

bool jobs__has_place(const struct jobs *jobs, process_owner owner)
{
	int cnt = 0;

	for (int i = 0; i < READERS_LATE_MAX; i++)
		cnt += jobs->late[i] && jobs->late[i]->owner == owner;
	return cnt < (process_owner__is_trusted(owner) ? 2 * JOBS_LATE_PER_USER_MAX
						       : JOBS_LATE_PER_USER_MAX);
}

struct job *jobs__take_late(struct jobs *jobs)
{
	struct job *job = (struct job *)readers__take_late(jobs->readers);

	for (int i = 0; i < READERS_LATE_MAX && job; i++)
		if (jobs->late[i] == job)
			jobs->late[i] = NULL;
	return job;
}

size_t jobs__late_cnt(const struct jobs *jobs)
{
	return readers__late_cnt(jobs->readers);
}
