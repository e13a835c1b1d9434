// SPDX-License-Identifier: BSD-2-Clause
#include "target/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "util/array.h"
#include "util/cleanup.h"

/* All of a /proc file, NUL-terminated; *size without that NUL. */
static int read_proc_file(pid_t pid, const char *name, char **out, size_t *size)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	size_t used = 0, capacity = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t got;
		int err;

		err = ARRAY_RESERVE(text, capacity, used + 4096);
		if (err)
			return err;
		got = read(fd, text + used, capacity - used - 1);
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	text[used] = '\0';
	*size = used;
	*out = TAKE_PTR(text);
	return 0;
}

static int read_link(pid_t pid, const char *name, char **out)
{
	char path[64], target[4096];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	size = readlink(path, target, sizeof(target) - 1);
	if (size < 0)
		return -errno;
	target[size] = '\0';
	*out = strdup(target);
	return *out ? 0 : -ENOMEM;
}

/* "name\0name\0" -> {"name", "name", NULL}. */
static int split_cmdline(const char *text, size_t size, char ***out)
{
	size_t cnt = 0;
	char **argv;

	for (size_t i = 0; i < size; i++)
		cnt += text[i] == '\0';
	if (size && text[size - 1] != '\0')
		cnt++;
	argv = calloc(cnt + 1, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	for (size_t i = 0; i < cnt; i++) {
		argv[i] = strdup(text);
		if (!argv[i]) {
			while (i)
				free(argv[--i]);
			free(argv);
			return -ENOMEM;
		}
		text += strlen(text) + 1;
	}
	*out = argv;
	return 0;
}

static int read_identity(struct process *process)
{
	_cleanup_free_ char *cmdline = NULL, *cgroup = NULL;
	size_t size;
	char *line;
	int err;

	err = read_proc_file(process->pid, "comm", &process->comm, &size);
	if (err)
		return err;
	process->comm[strcspn(process->comm, "\n")] = '\0';

	err = read_proc_file(process->pid, "cmdline", &cmdline, &size);
	if (err)
		return err;
	err = split_cmdline(cmdline, size, &process->cmdline);
	if (err)
		return err;

	if (read_link(process->pid, "exe", &process->exe))
		process->exe = strdup("");

	/* "0::/path" is the unified hierarchy; others are named controllers of version 1. */
	if (!read_proc_file(process->pid, "cgroup", &cgroup, &size)) {
		line = strstr(cgroup, "0::");
		if (line && (line == cgroup || line[-1] == '\n')) {
			line[strcspn(line, "\n")] = '\0';
			process->cgroup = strdup(line + strlen("0::"));
		}
	}
	if (!process->cgroup)
		process->cgroup = strdup("");
	return process->exe && process->cgroup ? 0 : -ENOMEM;
}

/* The state letter of /proc/PID/stat, or negative errno. */
static int read_state(pid_t pid)
{
	_cleanup_free_ char *stat = NULL;
	const char *end;
	size_t size;
	int err;

	err = read_proc_file(pid, "stat", &stat, &size);
	if (err)
		return err;
	end = strrchr(stat, ')'); /* the name in parentheses may hold anything */
	return end && end[1] == ' ' ? (unsigned char)end[2] : -EIO;
}

static void free_maps(struct process *process)
{
	struct mappings mappings = {.items = process->maps, .cnt = process->map_cnt};

	mappings__release(&mappings);
}

void process__free(struct process *process)
{
	if (!process)
		return;
	free_maps(process);
	if (process->cmdline)
		for (char **arg = process->cmdline; *arg; arg++)
			free(*arg);
	free(process->cmdline);
	free(process->comm);
	free(process->exe);
	free(process->cgroup);
	closep(&process->pidfd);
	free(process);
}

void process__freep(struct process **process)
{
	process__free(*process);
}

static int parse_maps(char *text, struct mappings *out)
{
	_cleanup_(mappings__release) struct mappings mappings = {};
	char *rest = text, *line;
	int err = 0;

	while (!err && (line = strsep(&rest, "\n")))
		if (*line)
			err = mappings__append(&mappings, line);
	if (err)
		return err;
	*out = mappings;
	mappings = (struct mappings){};
	return 0;
}

int process__reload_maps(struct process *process, struct failure *failure)
{
	_cleanup_free_ char *text = NULL;
	struct mappings mappings;
	size_t size;
	int err;

	err = read_proc_file(process->pid, "maps", &text, &size);
	if (!err)
		err = parse_maps(text, &mappings);
	if (err == -EACCES || err == -EPERM)
		return failure__set(
			failure, err,
			"process %d (%s): not allowed to read its memory map; run as root or "
			"with CAP_SYS_PTRACE",
			process->pid, process->comm);
	if (err)
		return failure__set(failure, err, "process %d (%s): cannot read its memory map: %s",
				    process->pid, process->comm, strerror(-err));
	free_maps(process);
	process->maps = mappings.items;
	process->map_cnt = mappings.cnt;
	return 0;
}

/* The thread group of @pid, or negative errno. */
static int read_thread_group(pid_t pid)
{
	_cleanup_free_ char *status = NULL;
	const char *line;
	size_t size;
	int err;

	err = read_proc_file(pid, "status", &status, &size);
	if (err)
		return err;
	line = strstr(status, "\nTgid:");
	return line ? (int)strtol(line + strlen("\nTgid:"), NULL, 10) : -EIO;
}

static int open_pidfd(struct process *process, struct failure *failure)
{
	int thread_group, state;

	process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	thread_group = read_thread_group(process->pid);
	if (thread_group == -ENOENT || thread_group == -ESRCH)
		return failure__set(failure, -ESRCH,
				    "no process %d; see the pids with: ps -e | grep python",
				    process->pid);
	if (thread_group >= 0 && thread_group != process->pid)
		return failure__set(failure, -EINVAL,
				    "%d is a thread of process %d; use that: -p %d", process->pid,
				    thread_group, thread_group);
	if (process->pidfd < 0)
		return failure__set(failure, -errno, "process %d: pidfd_open: %s", process->pid,
				    strerror(errno));
	state = read_state(process->pid);
	if (state == 'Z' || state == 'X')
		return failure__set(
			failure, -ESRCH,
			"process %d has exited and waits for its parent to notice (zombie)",
			process->pid);
	return 0;
}

int process__open(struct process **out, pid_t pid, struct failure *failure)
{
	_cleanup_(process__freep) struct process *process = NULL;
	int err;

	process = calloc(1, sizeof(*process));
	if (!process)
		return failure__set(failure, -ENOMEM, "out of memory");
	process->pid = pid;
	process->pidfd = -1;
	process_memory__init(&process->memory, pid);
	err = open_pidfd(process, failure);
	if (err)
		return err;
	err = read_identity(process);
	if (err)
		return failure__set(failure, err, "process %d: cannot read /proc/%d: %s", pid, pid,
				    strerror(-err));
	err = process__reload_maps(process, failure);
	if (err)
		return err;
	*out = TAKE_PTR(process);
	return 0;
}

int process__cpu_ns(pid_t pid, uint64_t *ns)
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

static int add_thread_activity(pid_t pid, const char *thread, struct process_activity *activity)
{
	static const char *const counts[] = {"\nvoluntary_ctxt_switches:",
					     "\nnonvoluntary_ctxt_switches:"};
	static const char state[] = "\nState:";
	_cleanup_free_ char *text = NULL;
	const char *at;
	char name[64];
	size_t size;
	int err;

	snprintf(name, sizeof(name), "task/%.32s/status", thread);
	err = read_proc_file(pid, name, &text, &size);
	if (err)
		return err;
	at = strstr(text, state);
	if (!at)
		return -EIO;
	at += strlen(state);
	activity->runs |= at[strspn(at, " \t")] == 'R';
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		at = strstr(text, counts[i]);
		if (!at)
			return -EIO;
		activity->switches += strtoull(at + strlen(counts[i]), NULL, 10);
	}
	return 0;
}

int process__activity(pid_t pid, struct process_activity *out)
{
	_cleanup_closedir_ DIR *directory = NULL;
	struct process_activity activity = {};
	const struct dirent *entry;
	char path[64];
	int err = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	directory = opendir(path);
	if (!directory)
		return -errno;
	while (!err && (entry = readdir(directory)))
		if (*entry->d_name != '.')
			err = add_thread_activity(pid, entry->d_name, &activity);
	if (!err)
		*out = activity;
	return err;
}

bool process__is_alive(const struct process *process)
{
	struct pollfd poll_fd = {.fd = process->pidfd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 0;
}

const struct mapping *process__find_mapping(const struct process *process, uint64_t address)
{
	size_t low = 0, high = process->map_cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (process->maps[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < process->map_cnt && process->maps[low].start <= address)
		return &process->maps[low];
	return NULL;
}

char *process__environment(const struct process *process, const char *name)
{
	_cleanup_free_ char *text = NULL;
	size_t size, length = strlen(name);

	if (read_proc_file(process->pid, "environ", &text, &size))
		return NULL;
	for (const char *entry = text; entry < text + size; entry += strlen(entry) + 1)
		if (!strncmp(entry, name, length) && entry[length] == '=')
			return strdup(entry + length + 1);
	return NULL;
}
