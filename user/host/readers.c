// SPDX-License-Identifier: BSD-2-Clause
#include "host/readers.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "util/account.h"
#include "util/cleanup.h"
#include "util/clock.h"

/*
 * A thread. Both the threads and the owner hold a reference to the readers; the last one frees
 * them.
 */
struct reader {
	struct readers *readers;
	struct reader_job *job; /* NULL: waiting for one */
	bool is_done, is_late;
};

struct readers {
	pthread_mutex_t lock;
	pthread_cond_t has_job, has_done;
	struct reader *reader;	  /* takes the next job; NULL: none */
	struct reader_job *ended; /* late jobs that have finished */
	size_t late_cnt;	  /* late jobs that the owner has not taken, finished or not */
	size_t holder_cnt;
	bool ends;
};

int readers__new(struct readers **out)
{
	struct readers *readers = calloc(1, sizeof(*readers));
	pthread_condattr_t monotonic;

	if (!readers)
		return -ENOMEM;
	account__keep_little_freed();
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&readers->lock, NULL);
	pthread_cond_init(&readers->has_job, NULL);
	pthread_cond_init(&readers->has_done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	readers->holder_cnt = 1;
	*out = readers;
	return 0;
}

/* The lock must be held; it is released. */
static void leave(struct readers *readers)
{
	bool is_last = !--readers->holder_cnt;

	pthread_mutex_unlock(&readers->lock);
	if (is_last)
		free(readers);
}

size_t readers__free(struct readers *readers)
{
	size_t late_cnt;

	if (!readers)
		return 0;
	pthread_mutex_lock(&readers->lock);
	readers->ends = true;
	late_cnt = readers->late_cnt;
	pthread_cond_broadcast(&readers->has_job);
	leave(readers);
	return late_cnt;
}

/* Runs a job. Returns whether this thread may get another one. */
static bool take_job(struct readers *readers, struct reader *reader)
{
	struct reader_job *job;

	while (!reader->job && !readers->ends)
		pthread_cond_wait(&readers->has_job, &readers->lock);
	job = reader->job;
	if (!job)
		return false;
	pthread_mutex_unlock(&readers->lock);
	job->run(job);
	pthread_mutex_lock(&readers->lock);
	reader->job = NULL;
	reader->is_done = true;
	if (!reader->is_late) {
		pthread_cond_signal(&readers->has_done);
		return true;
	}
	job->next = readers->ended;
	readers->ended = job;
	return false;
}

static void *run_reader(void *context)
{
	_cleanup_free_ struct reader *reader = context;
	struct readers *readers = reader->readers;

	pthread_mutex_lock(&readers->lock);
	while (take_job(readers, reader))
		;
	leave(readers);
	return NULL;
}

/* The lock must be held. */
static int start_reader(struct readers *readers)
{
	_cleanup_free_ struct reader *reader = calloc(1, sizeof(*reader));
	pthread_attr_t detached;
	pthread_t thread;
	int err;

	if (!reader)
		return -ENOMEM;
	reader->readers = readers;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&thread, &detached, run_reader, reader);
	pthread_attr_destroy(&detached);
	if (err)
		return -err;
	readers->holder_cnt++;
	readers->reader = TAKE_PTR(reader);
	return 0;
}

/* Waits until @until_ns. The lock must be held. */
static int wait_for(struct readers *readers, struct reader *reader, uint64_t until_ns)
{
	const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
				       .tv_nsec = (long)(until_ns % 1000000000)};

	while (!reader->is_done)
		if (pthread_cond_timedwait(&readers->has_done, &readers->lock, &until) ==
			    ETIMEDOUT &&
		    !reader->is_done) {
			reader->is_late = true;
			readers->reader = NULL;
			readers->late_cnt++;
			return -EINPROGRESS;
		}
	return 0;
}

int readers__run(struct readers *readers, struct reader_job *job, uint64_t wait_ns)
{
	uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + wait_ns;
	int err = 0;

	pthread_mutex_lock(&readers->lock);
	if (readers->late_cnt == READERS_LATE_MAX)
		err = -EBUSY;
	else if (!readers->reader)
		err = start_reader(readers);
	if (!err) {
		readers->reader->job = job;
		readers->reader->is_done = false;
		pthread_cond_broadcast(&readers->has_job);
		err = wait_for(readers, readers->reader, until_ns);
	}
	pthread_mutex_unlock(&readers->lock);
	return err;
}

struct reader_job *readers__take_late(struct readers *readers)
{
	struct reader_job *job;

	pthread_mutex_lock(&readers->lock);
	job = readers->ended;
	if (job) {
		readers->ended = job->next;
		readers->late_cnt--;
	}
	pthread_mutex_unlock(&readers->lock);
	return job;
}

size_t readers__late_cnt(struct readers *readers)
{
	size_t cnt;

	pthread_mutex_lock(&readers->lock);
	cnt = readers->late_cnt;
	pthread_mutex_unlock(&readers->lock);
	return cnt;
}
