/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many uprobes behind one perf event, for kernels without uprobe_multi: probes of one name in
 * tracefs are one event (Linux 5.4, commit 60d53e2c3b75 "tracing/probe: Split trace_event related
 * data from trace_probe" and those after it).
 *
 * A perf event of its own for each site would do as well, but each of those takes the kernel some
 * 80 ms to close, one after the other: 20 seconds for a build with 265 sites. The price of the
 * group is that its definition has a name in tracefs, which outlives us if we are killed: disabled,
 * costing nothing, and removed by the next pyfrag.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct uprobe_group {
	char name[48]; /* "" : none */
};

/*
 * Keeps open what groups are defined in, for a process that may open nothing for writing later;
 * before there are threads. It stays open.
 */
void uprobe_group__keep_open(void);

/* Whether there is a tracefs to define groups in. */
int uprobe_group__check(void);

/*
 * Defines probes at @offsets of the file that @path leads to. Those that the kernel refuses are
 * left out: *defined counts the others. Returns 0 or negative errno; the group is to be removed.
 */
int uprobe_group__define(struct uprobe_group *group, const char *path, const uint64_t *offsets,
			 size_t cnt, size_t *defined);

/* A perf event on the whole group in process @pid. Returns a file descriptor or negative errno. */
int uprobe_group__open_event(const struct uprobe_group *group, pid_t pid);

/* Removes the definition, if there is one. Its perf event must be closed. */
void uprobe_group__remove(struct uprobe_group *group);

/* Removes what a pyfrag that was killed has left. */
void uprobe_group__remove_stale(void);
