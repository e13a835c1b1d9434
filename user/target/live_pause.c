// SPDX-License-Identifier: BSD-2-Clause
#include "target/live_pause.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "target/live_activity.h"
#include "target/live_proc.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/clock.h"

/*
 * A thread may start while others are being stopped, so the list is read again until it contains no
 * new one.
 */
#define ROUNDS_MAX 100

static bool is_stopped(const struct live_pause *pause, pid_t thread)
{
	for (size_t i = 0; i < pause->thread_cnt; i++)
		if (pause->threads[i].id == thread)
			return true;
	return false;
}

/* Returns 0 also if the thread has ended meanwhile. */
static int stop_thread(struct live_pause *pause, pid_t thread)
{
	int status, err;

	err = ARRAY_RESERVE(pause->threads, pause->thread_capacity, pause->thread_cnt + 1);
	if (err)
		return err;
	if (ptrace(PTRACE_SEIZE, thread, NULL, NULL))
		return errno == ESRCH ? 0 : -errno;
	if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) ||
	    waitpid(thread, &status, __WALL) != thread)
		return errno == ESRCH || errno == ECHILD ? 0 : -errno;
	if (WIFEXITED(status) || WIFSIGNALED(status))
		return 0;
	/* The stop is ours, or that of a signal that came first and still has to be delivered. */
	pause->threads[pause->thread_cnt++] = (struct paused_thread){
		.id = thread,
		.signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status),
	};
	return 0;
}

/* Stops the threads that are not stopped yet; *cnt is their number. */
static int stop_new_threads(struct live_pause *pause, pid_t pid, size_t *cnt)
{
	_cleanup_closedir_ DIR *directory = live_proc__open_directory(pid, "task");
	struct dirent *entry;
	int err = 0;

	*cnt = 0;
	if (!directory)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!err && (entry = readdir(directory))) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread <= 0 || is_stopped(pause, thread) ||
		    (thread == pid && live_activity__first_thread_has_ended(pid)))
			continue;
		(*cnt)++;
		err = stop_thread(pause, thread);
	}
	return err;
}

int live_pause__begin(struct live_pause *pause, pid_t pid)
{
	size_t cnt = 1;
	int err = 0;

	*pause = (struct live_pause){.since_ns = clock_ns(CLOCK_MONOTONIC)};
	for (int round = 0; round < ROUNDS_MAX && cnt && !err; round++)
		err = stop_new_threads(pause, pid, &cnt);
	if (!err && cnt)
		err = -EAGAIN;
	if (err)
		live_pause__end(pause);
	return err;
}

uint64_t live_pause__end(struct live_pause *pause)
{
	uint64_t since_ns = pause->since_ns;

	for (size_t i = 0; i < pause->thread_cnt; i++)
		ptrace(PTRACE_DETACH, pause->threads[i].id, NULL,
		       (void *)(long)pause->threads[i].signal);
	free(pause->threads);
	*pause = (struct live_pause){};
	return clock_ns(CLOCK_MONOTONIC) - since_ns;
}
