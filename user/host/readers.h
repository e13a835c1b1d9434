/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking at another process may hang: its address space is locked by a thread that waits for a
 * disk, a page of its is somebody's to provide (userfaultfd, FUSE), its executable is on a file
 * server that is gone. So it is done by a thread beside, one job after the other; a job that does
 * not end in time is left to itself, with its thread, and the next gets a new one. Their number is
 * bounded.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Jobs that may be late at a time. */
#define READERS_LATE_MAX 8

/* A job: embedded in what it works on, and not to be touched while it is under way. */
struct reader_job {
	void (*run)(struct reader_job *job);
	struct reader_job *next; /* of the readers */
};

struct readers;

/* Returns 0 or -ENOMEM. No thread is started before there is a job. */
int readers__new(struct readers **out);

/*
 * Threads end when their job does. Returns how many have not ended: what they work on has to stay.
 */
size_t readers__free(struct readers *readers);

/*
 * Runs @job, and waits @wait_ns for it at most. Returns 0: it is done; -EINPROGRESS: it is late,
 * and comes back from readers__take_late(); -EBUSY: too many are late, and it was not begun, as
 * with other errors (of pthread_create()).
 */
int readers__run(struct readers *readers, struct reader_job *job, uint64_t wait_ns);

/* A late job that has come to its end; NULL: there is none. */
struct reader_job *readers__take_late(struct readers *readers);

/* How many late ones have not ended; no more than READERS_LATE_MAX. */
size_t readers__late_cnt(struct readers *readers);
