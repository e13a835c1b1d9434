// SPDX-License-Identifier: BSD-2-Clause
#include "probes/uprobe_group.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"

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

/* Opened while that was still permitted; -1 if it was not. */
static int kept_fd = -1;

void uprobe_group__keep_open(void)
{
	int fd = open_tracefs("uprobe_events", O_WRONLY | O_APPEND);

	if (fd >= 0)
		kept_fd = fd;
}

int uprobe_group__open(void)
{
	int fd;

	if (kept_fd < 0)
		return open_tracefs("uprobe_events", O_WRONLY | O_APPEND);
	fd = fcntl(kept_fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int uprobe_group__check(void)
{
	_cleanup_close_ int fd = uprobe_group__open();

	return fd < 0 ? fd : 0;
}

static int write_line(int fd, const char *line)
{
	size_t length = strlen(line);

	return write(fd, line, length) == (ssize_t)length ? 0 : -errno;
}

struct uprobe_group uprobe_group__new(void)
{
	uint32_t number = 0;

	/* A pyfrag in another pid namespace may have the same pid. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		number = (uint32_t)clock_ns(CLOCK_MONOTONIC);
	return (struct uprobe_group){.pid = getpid(), .number = (int32_t)(number >> 1 | 1)};
}

struct group_name {
	char text[48];
};

static struct group_name name_of(const struct uprobe_group *group)
{
	struct group_name name;

	snprintf(name.text, sizeof(name.text), GROUP_PREFIX "%d_%d/" EVENT_NAME, group->pid,
		 group->number);
	return name;
}

int uprobe_group__define(const struct uprobe_group *group, const char *path,
			 const uint64_t *offsets, size_t cnt, size_t *defined)
{
	_cleanup_close_ int fd = uprobe_group__open();
	int last_err = 0;

	if (fd < 0)
		return fd;
	*defined = 0;
	for (size_t i = 0; i < cnt; i++) {
		char line[256];
		int err;

		snprintf(line, sizeof(line), "p:%s %s:0x%" PRIx64 "\n", name_of(group).text, path,
			 offsets[i]);
		err = write_line(fd, line);
		if (err)
			last_err = err;
		else
			(*defined)++;
	}
	return *defined ? 0 : last_err;
}

int uprobe_group__event_number(const struct uprobe_group *group, uint64_t *out)
{
	char name[128], text[32] = "", *end;
	_cleanup_close_ int fd = -1;
	uint64_t number;

	snprintf(name, sizeof(name), "events/%s/id", name_of(group).text);
	fd = open_tracefs(name, O_RDONLY);
	if (fd < 0)
		return fd;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		return -EIO;
	number = strtoull(text, &end, 10);
	if (end == text)
		return -EIO;
	*out = number;
	return 0;
}

void uprobe_group__remove(const struct uprobe_group *group, int fd)
{
	char line[128];

	snprintf(line, sizeof(line), "-:%s\n", name_of(group).text);
	write_line(fd, line);
}

/* Parses a line of uprobe_events that is ours, "p:pyfrag_123_1/site PATH:OFFSET", for its group. */
static bool parse_definition(const char *line, struct uprobe_group *out)
{
	struct uprobe_group group;
	char tail[8];

	if (sscanf(line, "p:" GROUP_PREFIX "%d_%d/%5s", &group.pid, &group.number, tail) != 3 ||
	    group.pid <= 0 || strncmp(tail, EVENT_NAME, strlen(EVENT_NAME)) != 0)
		return false;
	*out = group;
	return true;
}

void uprobe_group__remove_stale(void)
{
	int fd = open_tracefs("uprobe_events", O_RDONLY);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	_cleanup_close_ int definitions_fd = -1;
	struct uprobe_group stale[64];
	size_t cnt = 0;
	char line[512];

	while (file && cnt < ARRAY_SIZE(stale) && fgets(line, sizeof(line), file)) {
		struct uprobe_group *group = &stale[cnt];

		if (!parse_definition(line, group) || !kill(group->pid, 0) || errno != ESRCH)
			continue;
		cnt += !cnt || group->pid != group[-1].pid || group->number != group[-1].number;
	}
	if (cnt)
		definitions_fd = uprobe_group__open();
	for (size_t i = 0; i < cnt && definitions_fd >= 0; i++)
		uprobe_group__remove(&stale[i], definitions_fd);
}
