// SPDX-License-Identifier: BSD-2-Clause
#include "probes/uprobe_group.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

#define GROUP_PREFIX "pyfrag_"
#define EVENT_NAME   "site"

static const char *const tracefs[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

/* Opens a file of tracefs. Returns a file descriptor or negative errno. */
static int open_tracefs(const char *name, int flags)
{
	int err = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(tracefs); i++) {
		char path[256];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", tracefs[i], name);
		fd = open(path, flags | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (errno != ENOENT)
			err = -errno;
	}
	return err;
}

/* Opened at a time when that was still permitted; -1: not. */
static int kept_fd = -1;

void uprobe_group__keep_open(void)
{
	int fd = open_tracefs("uprobe_events", O_WRONLY | O_APPEND);

	if (fd >= 0)
		kept_fd = fd;
}

/* Where definitions are written to; the caller closes it. */
static int open_definitions(void)
{
	int fd;

	if (kept_fd < 0)
		return open_tracefs("uprobe_events", O_WRONLY | O_APPEND);
	fd = fcntl(kept_fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int uprobe_group__check(void)
{
	_cleanup_close_ int fd = open_definitions();

	return fd < 0 ? fd : 0;
}

static int write_line(int fd, const char *line)
{
	size_t length = strlen(line);

	return write(fd, line, length) == (ssize_t)length ? 0 : -errno;
}

int uprobe_group__define(struct uprobe_group *group, const char *path, const uint64_t *offsets,
			 size_t cnt, size_t *defined)
{
	_cleanup_close_ int fd = open_definitions();
	int last_err = 0;

	if (fd < 0)
		return fd;
	snprintf(group->name, sizeof(group->name), GROUP_PREFIX "%d", getpid());
	*defined = 0;
	for (size_t i = 0; i < cnt; i++) {
		char line[256];
		int err;

		snprintf(line, sizeof(line), "p:%s/" EVENT_NAME " %s:0x%" PRIx64 "\n", group->name,
			 path, offsets[i]);
		err = write_line(fd, line);
		if (err)
			last_err = err;
		else
			(*defined)++;
	}
	if (*defined)
		return 0;
	group->name[0] = '\0';
	return last_err;
}

static int read_event_id(const struct uprobe_group *group, uint64_t *id)
{
	char name[128], text[32] = "";
	_cleanup_close_ int fd = -1;
	char *end;

	snprintf(name, sizeof(name), "events/%s/" EVENT_NAME "/id", group->name);
	fd = open_tracefs(name, O_RDONLY);
	if (fd < 0)
		return fd;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		return -EIO;
	*id = strtoull(text, &end, 10);
	return end == text ? -EIO : 0;
}

int uprobe_group__open_event(const struct uprobe_group *group, pid_t pid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.sample_period = 1,
		.wakeup_events = 1,
	};
	uint64_t id;
	long fd;
	int err;

	err = read_event_id(group, &id);
	if (err)
		return err;
	attr.config = id;
	fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

void uprobe_group__remove(struct uprobe_group *group)
{
	_cleanup_close_ int fd = -1;
	char line[128];

	if (!*group->name)
		return;
	fd = open_definitions();
	snprintf(line, sizeof(line), "-:%s/" EVENT_NAME "\n", group->name);
	if (fd >= 0)
		write_line(fd, line);
	group->name[0] = '\0';
}

/* A line of uprobe_events that is ours: "p:pyfrag_123/site PATH:OFFSET". Returns 123, else 0. */
static pid_t owner_of(const char *line)
{
	int pid;
	char tail[8];

	if (sscanf(line, "p:" GROUP_PREFIX "%d/%5s", &pid, tail) != 2 || pid <= 0 ||
	    strncmp(tail, EVENT_NAME, strlen(EVENT_NAME)) != 0)
		return 0;
	return pid;
}

void uprobe_group__remove_stale(void)
{
	int fd = open_tracefs("uprobe_events", O_RDONLY);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	pid_t stale[64];
	size_t cnt = 0;
	char line[512];

	while (file && cnt < ARRAY_SIZE(stale) && fgets(line, sizeof(line), file)) {
		pid_t pid = owner_of(line);

		if (!pid || (cnt && stale[cnt - 1] == pid) || !kill(pid, 0) || errno != ESRCH)
			continue;
		stale[cnt++] = pid;
	}
	for (size_t i = 0; i < cnt; i++) {
		struct uprobe_group group;

		snprintf(group.name, sizeof(group.name), GROUP_PREFIX "%d", stale[i]);
		uprobe_group__remove(&group);
	}
}
