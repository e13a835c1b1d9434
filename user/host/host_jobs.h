/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a host does to processes, by jobs: it pays for them, and takes over what they have found.
 */
#pragma once

#include "host/host_state.h"

/*
 * Runs a copy of @job, and takes over its result if it is done in time; else
 * host_jobs__take_late() does that. The result says what becomes of a candidate.
 */
enum look_result host_jobs__run(struct host *host, struct job *job);

/* The same of a job with no more to it. */
enum look_result host_jobs__run_on(struct host *host, struct watched *watched, enum job_kind kind);

/*
 * As host_jobs__run(), but *done: the job, if it is done, for host_jobs__take_result(); else NULL,
 * and the result counts.
 */
enum look_result host_jobs__try(struct host *host, struct job *job, struct job **done);

/* Of a job that is done; it is freed. */
enum look_result host_jobs__take_result(struct host *host, struct job *job);

/* Of all that were late, and are done by now. */
void host_jobs__take_late(struct host *host);

/* Takes the probes out of those that have left, as far as there are places for such jobs. */
void host_jobs__free_leaving(struct host *host);
