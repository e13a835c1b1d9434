// SPDX-License-Identifier: BSD-2-Clause
#include "target/pause.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "target/target.h"
#include "util/array.h"
#include "util/clock.h"

/*
 * A thread may be born while its siblings are stopped: the list is read again until it is complete.
 */
#define ROUNDS_MAX 100

static bool is_stopped(const struct pause *pause, pid_t thread)
{
	for (size_t i = 0; i < pause->thread_cnt; i++)
		if (pause->threads[i].id == thread)
			return true;
	return false;
}

/* Returns 0 also for a thread that has ended meanwhile. */
static int stop_thread(struct pause *pause, pid_t thread)
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
	/* It stopped for us, or for a signal that came first and must be delivered in the end. */
	pause->threads[pause->thread_cnt++] = (struct paused_thread){
		.id = thread,
		.signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status),
	};
	return 0;
}

/* Stops the threads not stopped yet. *cnt: how many those were. */
static int stop_new_threads(struct pause *pause, pid_t pid, size_t *cnt)
{
	struct dirent *entry;
	char path[32];
	int err = 0;
	DIR *dir;

	*cnt = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!err && (entry = readdir(dir))) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread <= 0 || is_stopped(pause, thread) ||
		    (thread == pid && memory_thread__first_has_ended(pid)))
			continue;
		(*cnt)++;
		err = stop_thread(pause, thread);
	}
	closedir(dir);
	return err;
}

int pause__begin(struct pause *pause, pid_t pid)
{
	size_t cnt = 1;
	int err = 0;

	*pause = (struct pause){.since_ns = clock_ns(CLOCK_MONOTONIC)};
	for (int round = 0; round < ROUNDS_MAX && cnt && !err; round++)
		err = stop_new_threads(pause, pid, &cnt);
	if (!err && cnt)
		err = -EAGAIN;
	if (err)
		pause__end(pause);
	return err;
}

uint64_t pause__end(struct pause *pause)
{
	uint64_t since_ns = pause->since_ns;

	for (size_t i = 0; i < pause->thread_cnt; i++)
		ptrace(PTRACE_DETACH, pause->threads[i].id, NULL,
		       (void *)(long)pause->threads[i].signal);
	free(pause->threads);
	*pause = (struct pause){};
	return clock_ns(CLOCK_MONOTONIC) - since_ns;
}
