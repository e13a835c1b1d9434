/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the jobs of a host on its processes, charges their cost, and takes over their results. */
#pragma once

#include "host/host_state.h"

/*
 * Runs a copy of @job and takes over its result if it finishes in time; otherwise
 * host_jobs__take_late() does so later. Returns what to do with a candidate.
 */
enum look_result host_jobs__run(struct host *host, struct job *job);

/* Same, for a job without other parameters. */
enum look_result host_jobs__run_on(struct host *host, struct watched *watched, enum job_kind kind);

/*
 * Like host_jobs__run(), but does not take over the result. Sets *done to the job if it has
 * finished, for host_jobs__take_result(); else sets it to NULL and returns what to do with the
 * candidate.
 */
enum look_result host_jobs__try(struct host *host, struct job *job, struct job **done);

/* Whether the next reading of a process includes all of its memory, not only its heap. */
bool host_jobs__reads_memory(const struct host *host, const struct watched *watched);

/* Takes over the result of a job that has finished, and frees the job. */
enum look_result host_jobs__take_result(struct host *host, struct job *job);

/* Takes over the results of late jobs that have finished. */
void host_jobs__take_late(struct host *host);

/* Removes the probes of processes that are no longer watched, as far as such jobs have places. */
void host_jobs__free_leaving(struct host *host);
