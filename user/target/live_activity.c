// SPDX-License-Identifier: BSD-2-Clause
#include "target/live_activity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "target/live_proc.h"
#include "target/proc_fields.h"
#include "target/proc_text.h"
#include "util/cleanup.h"

#define STAT_BYTES_MAX 4096
/* Three numbers of at most 20 digits. */
#define SCHEDSTAT_BYTES_MAX 128
/* The threads of a process that has more are not examined one by one. */
#define ACTIVE_THREADS_MAX 1024

int live_activity__cpu_ns(pid_t pid, uint64_t *ns)
{
	struct timespec used;
	clockid_t clock;
	int err = clock_getcpuclockid(pid, &clock);

	if (err)
		return -err;
	if (clock_gettime(clock, &used))
		return -errno;
	*ns = (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
	return 0;
}

static int add_thread_activity(pid_t pid, const char *thread, struct target_activity *activity)
{
	_cleanup_(proc_text__release) struct proc_text status = {};
	uint64_t switches;
	char name[64];
	bool runs;
	int err;

	snprintf(name, sizeof(name), "task/%.32s/status", thread);
	err = proc_text__read(&status, pid, name, PROC_STATUS_BYTES_MAX);
	if (!err)
		err = proc_fields__switches(status.bytes, &switches, &runs);
	if (err)
		return err;
	activity->switches += switches;
	activity->runs |= runs;
	return 0;
}

int live_activity__read(pid_t pid, struct target_activity *out)
{
	_cleanup_closedir_ DIR *directory = live_proc__open_directory(pid, "task");
	struct target_activity activity = {};
	const struct dirent *entry;
	size_t thread_cnt = 0;
	int err = 0;

	if (!directory)
		return -errno;
	while (!err && (entry = readdir(directory))) {
		if (*entry->d_name == '.')
			continue;
		if (thread_cnt++ == ACTIVE_THREADS_MAX) {
			activity.runs = true;
			break;
		}
		err = add_thread_activity(pid, entry->d_name, &activity);
	}
	if (!err)
		*out = activity;
	return err;
}

/*
 * Whether the thread with an entry @id is ready; then *ran_ns is set. One that has ended meanwhile
 * is not. Returns 1, 0 or negative errno.
 */
static int thread_is_ready(pid_t pid, const char *id, uint64_t *ran_ns)
{
	_cleanup_(proc_text__release) struct proc_text stat = {}, times = {};
	char name[64];
	int state, err;

	snprintf(name, sizeof(name), "task/%.32s/stat", id);
	if (proc_text__read(&stat, pid, name, STAT_BYTES_MAX))
		return 0;
	state = proc_fields__state(stat.bytes);
	if (state != 'R' && state != 'D')
		return 0;
	/* The first number is the time for which it has run (kernel/sched/stats.h, sched_info). */
	snprintf(name, sizeof(name), "task/%.32s/schedstat", id);
	err = proc_text__read(&times, pid, name, SCHEDSTAT_BYTES_MAX);
	if (err)
		return err == -ESRCH ? 0 : err;
	*ran_ns = strtoull(times.bytes, NULL, 10);
	return 1;
}

int live_activity__ready_threads(pid_t pid, struct ready_thread *out, size_t max, size_t *cnt)
{
	_cleanup_closedir_ DIR *directory = live_proc__open_directory(pid, "task");
	const struct dirent *entry;

	*cnt = 0;
	if (!directory)
		return -errno;
	for (size_t i = 0; i < ACTIVE_THREADS_MAX && *cnt < max && (entry = readdir(directory));
	     i++) {
		struct ready_thread thread = {.id = (pid_t)strtol(entry->d_name, NULL, 10)};
		int ready = thread.id ? thread_is_ready(pid, entry->d_name, &thread.ran_ns) : 0;

		if (ready < 0)
			return ready;
		if (ready)
			out[(*cnt)++] = thread;
	}
	return 0;
}

bool live_activity__first_thread_has_ended(pid_t pid)
{
	_cleanup_(proc_text__release) struct proc_text stat = {};
	int state = 0;

	if (!proc_text__read(&stat, pid, "stat", STAT_BYTES_MAX))
		state = proc_fields__state(stat.bytes);
	return state == 'Z' || state == 'X';
}
