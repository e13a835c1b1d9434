// SPDX-License-Identifier: BSD-2-Clause
#include "probes/uprobe_event.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

static int open_event(struct perf_event_attr *attr, pid_t pid)
{
	long fd = syscall(SYS_perf_event_open, attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

int uprobe_event__type(uint32_t *out)
{
	_cleanup_close_ int fd =
		open("/sys/bus/event_source/devices/uprobe/type", O_RDONLY | O_CLOEXEC);
	char text[32] = "", *end;
	unsigned long type;

	if (fd < 0)
		return -errno;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		return -EIO;
	type = strtoul(text, &end, 10);
	if (end == text)
		return -EIO;
	*out = (uint32_t)type;
	return 0;
}

int uprobe_event__try(void)
{
	struct perf_event_attr attr = {.size = sizeof(attr)};
	int err = uprobe_event__type(&attr.type);
	_cleanup_close_ int fd = err ? err : open_event(&attr, 0);

	/* It names no file, which the kernel rejects only after it has checked capabilities. */
	return fd < 0 && fd != -EINVAL ? fd : 0;
}

int uprobe_event__open(const struct uprobe_event *event, const char *path, int prog_fd)
{
	struct perf_event_attr attr = {
		.type = event->type,
		.size = sizeof(attr),
		.sample_period = 1,
		.wakeup_events = 1,
	};
	_cleanup_close_ int fd = -1;

	if (path) {
		attr.uprobe_path = (uint64_t)(uintptr_t)path;
		attr.probe_offset = event->config;
	} else {
		attr.config = event->config;
	}
	fd = open_event(&attr, event->pid);
	if (fd < 0)
		return fd;
	return ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog_fd) ? -errno : TAKE_FD(fd);
}
