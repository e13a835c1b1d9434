/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A perf event that runs a BPF program where breakpoints are hit, for kernels without uprobe_multi
 * (before Linux 6.6): of one breakpoint, or of a group of them (uprobe_group.h). It has them in
 * the process from when it is opened until nobody has it open any more.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct uprobe_event {
	/*
	 * Of one breakpoint: what uprobe_event__type() says, and @config is its offset in the
	 * file. Of a group: PERF_TYPE_TRACEPOINT, and @config is the group's number.
	 */
	uint32_t type;
	uint64_t config;
	pid_t pid;
};

/*
 * Whether this process may open perf events. That takes CAP_PERFMON; with
 * kernel.perf_event_paranoid at 3 or more, which is a patch of some distributions and the default
 * there (Debian up to 13), CAP_SYS_ADMIN. Returns 0 or negative errno (-EACCES: it may not).
 */
int uprobe_event__try(void);

/* The type of events of one breakpoint here. Returns 0 or negative errno. */
int uprobe_event__type(uint32_t *out);

/*
 * Opens @event, which runs the program of @prog_fd. @path leads to the file with the breakpoint;
 * NULL: a group. Returns a file descriptor, the caller's, or negative errno.
 */
int uprobe_event__open(const struct uprobe_event *event, const char *path, int prog_fd);
