// SPDX-License-Identifier: BSD-2-Clause
#include "target/live_activity.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "target/live_proc.h"
#include "target/proc_fields.h"
#include "target/proc_text.h"
#include "util/cleanup.h"

#define STAT_BYTES_MAX 4096
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

bool live_activity__first_thread_has_ended(pid_t pid)
{
	_cleanup_(proc_text__release) struct proc_text stat = {};
	int state = 0;

	if (!proc_text__read(&stat, pid, "stat", STAT_BYTES_MAX))
		state = proc_fields__state(stat.bytes);
	return state == 'Z' || state == 'X';
}
