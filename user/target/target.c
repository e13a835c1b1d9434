// SPDX-License-Identifier: BSD-2-Clause
#include "target/target.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "target/memory_thread.h"
#include "target/proc_fields.h"
#include "target/proc_text.h"
#include "util/capabilities.h"
#include "util/cleanup.h"

/*
 * How much of each text is read. Those of one line are short but for the command line. A line of
 * "cgroup" has a path of up to 4096 bytes, and there is one for each hierarchy.
 */
#define LINE_BYTES_MAX	 4096
#define CGROUP_BYTES_MAX (64UL << 10)
/* More threads than that are not looked at one by one. */
#define ACTIVE_THREADS_MAX 1024

static int read_link(pid_t pid, const char *name, char **out)
{
	char path[96], link[4096];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, memory_thread__entry(pid, name).name);
	size = readlink(path, link, sizeof(link) - 1);
	if (size < 0)
		return -errno;
	link[size] = '\0';
	*out = strdup(link);
	return *out ? 0 : -ENOMEM;
}

static int read_cmdline(struct target *target)
{
	_cleanup_(proc_text__release) struct proc_text text = {};
	struct memory_entry entry = memory_thread__entry(target->pid, "cmdline");
	int err = proc_text__read(&text, target->pid, entry.name, LINE_BYTES_MAX);

	if (err)
		return err;
	target->cmdline = proc_fields__arguments(text.bytes, text.size, &text.is_cut);
	target->cmdline_is_cut = text.is_cut;
	return target->cmdline ? 0 : -ENOMEM;
}

static int read_identity(struct target *target)
{
	_cleanup_(proc_text__release) struct proc_text stat = {}, comm = {}, cgroup = {};
	int err = proc_text__read(&comm, target->pid, "comm", LINE_BYTES_MAX);

	if (err)
		return err;
	target->comm = TAKE_PTR(comm.bytes);
	target->comm[strcspn(target->comm, "\n")] = '\0';
	if (!proc_text__read(&stat, target->pid, "stat", LINE_BYTES_MAX))
		proc_fields__start_ticks(stat.bytes, &target->start_ticks);
	err = read_cmdline(target);
	if (err)
		return err;
	if (read_link(target->pid, "exe", &target->exe))
		target->exe = strdup("");
	err = proc_text__read(&cgroup, target->pid,
			      memory_thread__entry(target->pid, "cgroup").name, CGROUP_BYTES_MAX);
	target->cgroup = err ? strdup("") : proc_fields__cgroup(cgroup.bytes);
	return target->exe && target->cgroup ? 0 : -ENOMEM;
}

bool memory_thread__first_has_ended(pid_t pid)
{
	_cleanup_(proc_text__release) struct proc_text stat = {};
	int state = 0;

	if (!proc_text__read(&stat, pid, "stat", LINE_BYTES_MAX))
		state = proc_fields__state(stat.bytes);
	return state == 'Z' || state == 'X';
}

void target__forget_maps(struct target *target)
{
	struct mappings mappings = {.items = target->maps, .cnt = target->map_cnt};

	mappings__release(&mappings);
	target->maps = NULL;
	target->map_cnt = 0;
}

void target__free(struct target *target)
{
	if (!target)
		return;
	target__forget_maps(target);
	proc_fields__free_arguments(target->cmdline);
	free(target->comm);
	free(target->exe);
	free(target->cgroup);
	closep(&target->pidfd);
	live_memory__release(&target->memory);
	free(target);
}

void target__freep(struct target **target)
{
	target__free(*target);
}

static int read_maps(struct mappings *out, pid_t pid)
{
	struct memory_entry entry = memory_thread__entry(pid, "maps");
	_cleanup_fclose_ FILE *file = proc_text__open(pid, entry.name);

	return file ? mappings__read(out, file) : -errno;
}

/* A thread through which the memory is reached may end meanwhile: then there are no mappings. */
static int read_maps_patiently(struct mappings *out, pid_t pid)
{
	int err = read_maps(out, pid);

	for (int i = 0; i < MEMORY_THREADS_TRIED_MAX &&
			(err == -ENOENT || err == -ESRCH || (!err && !out->cnt)) &&
			memory_thread__of(pid) != pid;
	     i++)
		err = read_maps(out, pid);
	return err;
}

const char *target__refusal(void)
{
	return capabilities__has(CAP_SYS_PTRACE)
		       ? "refused although pyfrag has CAP_SYS_PTRACE: by a security module "
			 "(AppArmor, SELinux, Yama), or the process is in another user namespace"
		       : "run as root or with CAP_SYS_PTRACE";
}

int target__reload_maps(struct target *target, struct failure *failure)
{
	struct mappings mappings;
	int err = read_maps_patiently(&mappings, target->pid);

	if (err == -EACCES || err == -EPERM)
		return failure__set(failure, err,
				    "process %d (%s): not allowed to read its memory map; %s",
				    target->pid, target->comm, target__refusal());
	if (err)
		return failure__set(failure, err, "process %d (%s): cannot read its memory map: %s",
				    target->pid, target->comm, strerror(-err));
	target__forget_maps(target);
	target->maps = mappings.items;
	target->map_cnt = mappings.cnt;
	target->maps_are_cut = mappings.is_cut;
	return 0;
}

/* What "status" of a process says of who it is, read without waiting for it. */
struct credentials {
	pid_t thread_group;
	uid_t uid;
	bool is_of_host;
};

static int read_credentials(pid_t pid, struct credentials *out)
{
	_cleanup_(proc_text__release) struct proc_text status = {};
	int err = proc_text__read(&status, pid, "status", PROC_STATUS_BYTES_MAX);

	if (!err)
		err = proc_fields__user(status.bytes, &out->uid);
	if (err)
		return err;
	out->is_of_host = proc_fields__is_in_own_pid_namespace(status.bytes);
	out->thread_group = proc_fields__thread_group(status.bytes);
	return out->thread_group < 0 ? out->thread_group : 0;
}

int process_owner__find(pid_t pid, process_owner *owner)
{
	struct credentials credentials;
	int err = read_credentials(pid, &credentials);

	if (!err)
		*owner = process_owner__of(pid, credentials.uid, credentials.is_of_host);
	return err;
}

int process_owner__find_now(pid_t pid, process_owner *owner)
{
	struct credentials credentials;
	int err = read_credentials(pid, &credentials);

	return err ? err
		   : process_owner__of_now(owner, pid, credentials.uid, credentials.is_of_host);
}

static int open_pidfd(struct target *target, struct failure *failure)
{
	struct credentials credentials = {};
	int err;

	target->pidfd = (int)syscall(SYS_pidfd_open, target->pid, 0);
	err = read_credentials(target->pid, &credentials);
	if (err == -ENOENT || err == -ESRCH)
		return failure__set(failure, -ESRCH,
				    "no process %d; see the pids with: ps -e | grep python",
				    target->pid);
	if (!err && credentials.thread_group != target->pid)
		return failure__set(failure, -EINVAL, "%d is a thread of process %d; use -p %d",
				    target->pid, credentials.thread_group,
				    credentials.thread_group);
	if (target->pidfd < 0)
		return failure__set(failure, -errno, "process %d: pidfd_open: %s", target->pid,
				    strerror(errno));
	if (!err)
		target->owner = target->memory.tables.owner =
			process_owner__of(target->pid, credentials.uid, credentials.is_of_host);
	if (memory_thread__first_has_ended(target->pid) &&
	    memory_thread__of(target->pid) == target->pid)
		return failure__set(
			failure, -ESRCH,
			"process %d has exited (zombie: its parent has not waited for it yet)",
			target->pid);
	return 0;
}

int live__open(struct target **out, pid_t pid, struct failure *failure)
{
	_cleanup_(target__freep) struct target *target = NULL;
	int err;

	target = calloc(1, sizeof(*target));
	if (!target)
		return failure__set(failure, -ENOMEM, "out of memory");
	target->pid = pid;
	target->pidfd = -1;
	live_memory__init(&target->memory, pid);
	err = open_pidfd(target, failure);
	if (err)
		return err;
	err = read_identity(target);
	if (err)
		return failure__set(failure, err, "process %d: cannot read /proc/%d: %s", pid, pid,
				    strerror(-err));
	err = target__reload_maps(target, failure);
	if (err)
		return err;
	*out = TAKE_PTR(target);
	return 0;
}

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
	_cleanup_closedir_ DIR *directory = NULL;
	struct target_activity activity = {};
	const struct dirent *entry;
	size_t thread_cnt = 0;
	char path[64];
	int err = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	directory = opendir(path);
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

bool target__is_alive(const struct target *target)
{
	struct pollfd poll_fd = {.fd = target->pidfd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 0;
}

const struct mapping *target__find_mapping(const struct target *target, uint64_t address)
{
	size_t low = 0, high = target->map_cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (target->maps[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < target->map_cnt && target->maps[low].start <= address)
		return &target->maps[low];
	return NULL;
}

char *target__environment(const struct target *target, const char *name)
{
	char *value;

	return proc_text__find_variable(&value, target->pid, name) ? NULL : value;
}
