/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work on the processes of a host. Each job works on one process, run by the readers, and the host
 * takes over its result when it has finished. There is at most one job per process at a time.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "host/finder.h"
#include "host/readers.h"
#include "host/watched.h"

enum job_kind {
	JOB_OWNER, /* finds the owner of the process, which a look needs */
	JOB_LOOK,  /* looks at a process that may be a Python */
	JOB_READ,
	JOB_TEND, /* maintains its probes */
	JOB_FREE, /* frees a process that is gone, and removes its probes */
};

struct job {
	struct reader_job base; /* must be first */
	struct finder *finder;
	pid_t pid;
	process_owner owner; /* of the process; for JOB_OWNER see process_owner__find_now() */
	process_owner found; /* result of JOB_OWNER */
	uint32_t look_cnt;   /* number of looks, including this one if it is JOB_LOOK */
	enum job_kind kind;
	uint64_t expected_ns;	 /* of our CPU time; 0: unknown */
	struct watched *watched; /* of JOB_LOOK: the Python found, or NULL; owned by the job */
	bool owns_watched;	 /* set when the process is gone: the job then owns @watched */
	struct watched_options options;
	struct watched_result result; /* result of JOB_READ */
	int err;		      /* result of JOB_LOOK or JOB_OWNER */
	struct failure failure;
	uint64_t taken_ns; /* of our CPU time */
};

struct jobs {
	struct readers *readers;
	struct job *late[READERS_LATE_MAX]; /* late jobs; NULL: a free place */
};

/* Returns 0 or -ENOMEM. */
int jobs__init(struct jobs *jobs);

/*
 * Returns whether no job is late any more; otherwise the objects that jobs work on must not be
 * freed.
 */
bool jobs__release(struct jobs *jobs);

/*
 * Runs a copy of @job and waits for a while. Returns 0 if it has finished, and *out, which the
 * caller frees; -EINPROGRESS if it is late; or another negative errno if it was not started.
 */
int jobs__run(struct jobs *jobs, const struct job *job, struct job **out);
void job__free(struct job *job);

/*
 * Whether an owner may have another job that might become late. There are JOBS_LATE_PER_USER_MAX
 * places for each, so that a user whose processes stall their readers affects only its own. What
 * the host's root runs outside of containers has twice as many.
 */
#define JOBS_LATE_PER_USER_MAX 2

bool jobs__has_place(const struct jobs *jobs, process_owner owner);

/* The late job on this process, or NULL. */
struct job *jobs__find_late(const struct jobs *jobs, pid_t pid);

size_t jobs__late_cnt(const struct jobs *jobs);

/* Returns a late job that has finished, which the caller frees, or NULL. */
struct job *jobs__take_late(struct jobs *jobs);
