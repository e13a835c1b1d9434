/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A perf event that runs a BPF program when breakpoints are hit, for kernels without uprobe_multi
 * (before Linux 6.6). It is for a single breakpoint, or for a group of them (uprobe_group.h). The
 * breakpoints are in the process from when the event is opened until its last descriptor is closed.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct uprobe_event {
	/*
	 * Single breakpoint: the value from uprobe_event__type(); @config is its offset in the
	 * file. Group: PERF_TYPE_TRACEPOINT; @config is the number of the group.
	 */
	uint32_t type;
	uint64_t config;
	pid_t pid;
};

/*
 * Checks whether this process may open perf events with breakpoints. That takes
 * CAP_PERFMON, or CAP_SYS_ADMIN where kernel.perf_event_paranoid is 3 or more, which is a patch of
 * some distributions and the default there (Debian up to 13). Recent stable kernels require
 * CAP_SYS_ADMIN in any case (seen in 6.1.192 and 6.18.44). Returns 0 or negative errno (-EACCES: it
 * may not).
 */
int uprobe_event__try(void);

/* The type of single-breakpoint events on this machine. Returns 0 or negative errno. */
int uprobe_event__type(uint32_t *out);

/*
 * Opens @event, which runs the program @prog_fd. @path: the file with the single breakpoint, or
 * NULL for a group. Returns a file descriptor, which the caller owns, or negative errno.
 */
int uprobe_event__open(const struct uprobe_event *event, const char *path, int prog_fd);
