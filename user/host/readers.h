/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs jobs that read other processes, which may stall: the address space is locked by a thread
 * that waits for a disk, a page is provided by another process (userfaultfd, FUSE), or the
 * executable or a library is on a file server that does not respond. So a thread runs one job after
 * the other. If a job does not finish in time, it is left alone with its thread, and the next job
 * gets a new thread. Their number is limited.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How many jobs may be late at a time. */
#define READERS_LATE_MAX 8

/* A job, embedded in a larger struct. Must not be accessed while it runs. */
struct reader_job {
	void (*run)(struct reader_job *job);
	struct reader_job *next; /* used by the readers */
};

struct readers;

/* Returns 0 or -ENOMEM. Threads are started only when there is a job. */
int readers__new(struct readers **out);

/*
 * Threads end when their job does. Returns how many late jobs were not taken; objects that they may
 * work on must not be freed.
 */
size_t readers__free(struct readers *readers);

/*
 * Runs @job and waits for it for at most @wait_ns. Returns 0 if it has finished; -EINPROGRESS if it
 * is late, and readers__take_late() returns it when it has finished; -EBUSY if too many jobs are
 * late; or another negative errno (of pthread_create()). In the last two cases the job was not
 * started.
 */
int readers__run(struct readers *readers, struct reader_job *job, uint64_t wait_ns);

/* Returns a late job that has finished, or NULL. */
struct reader_job *readers__take_late(struct readers *readers);

/* How many late jobs were not taken yet; at most READERS_LATE_MAX. */
size_t readers__late_cnt(struct readers *readers);
