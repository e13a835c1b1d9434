/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done to the processes of a host, each a job for the readers: it touches one process, and
 * what it has found is taken over by the host when it is done. There is one at a time for a
 * process.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "host/finder.h"
#include "host/readers.h"
#include "host/watched.h"

enum job_kind {
	JOB_OWNER, /* finds out whose it is: only then there are looks */
	JOB_LOOK,  /* at a process that may be a Python */
	JOB_READ,
	JOB_TEND, /* its probes */
	JOB_FREE, /* one that is gone, and takes its probes out */
};

struct job {
	struct reader_job base; /* the first */
	struct finder *finder;
	pid_t pid;
	process_owner owner; /* of the process; of JOB_OWNER as process_owner__find_now() said */
	process_owner found; /* by JOB_OWNER */
	uint32_t look_cnt;   /* of a look: how many there have been then, with this one */
	enum job_kind kind;
	uint64_t expected_ns;	 /* of our CPU time; 0: nobody could know what it takes */
	struct watched *watched; /* a look: what it has found, if anything, which is the job's */
	bool owns_watched;	 /* its process is gone meanwhile */
	struct watched_options options;
	struct watched_result result; /* of a reading */
	int err;		      /* of a look, or of JOB_OWNER; */
	struct failure failure;
	uint64_t taken_ns; /* of our CPU time */
};

struct jobs {
	struct readers *readers;
	struct job *late[READERS_LATE_MAX]; /* those that have not ended; NULL: a free place */
};

/* Returns 0 or -ENOMEM. */
int jobs__init(struct jobs *jobs);

/* Returns whether nothing is late any more; else what jobs work on has to stay. */
bool jobs__release(struct jobs *jobs);

/*
 * Runs a copy of @job, for a while. Returns 0 and *out: it is done, and the caller's to free;
 * -EINPROGRESS: it is late; or another negative errno: it was not begun.
 */
int jobs__run(struct jobs *jobs, const struct job *job, struct job **out);
void job__free(struct job *job);

/*
 * Whether a user may have one more job that may become late: there are places for
 * JOBS_LATE_PER_USER_MAX of them, so that who hangs whoever reads its processes does so to its own
 * only. A user is whoever answers for a process; what the host's root runs outside of containers
 * has twice that many.
 */
#define JOBS_LATE_PER_USER_MAX 2

bool jobs__has_place(const struct jobs *jobs, process_owner owner);

/* One that is late on that process, or NULL. */
struct job *jobs__find_late(const struct jobs *jobs, pid_t pid);

size_t jobs__late_cnt(const struct jobs *jobs);

/* A late one that is done now, the caller's to free; NULL: there is none. */
struct job *jobs__take_late(struct jobs *jobs);
