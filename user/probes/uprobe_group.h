/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many uprobes behind one perf event, for kernels without uprobe_multi: probes of one name in
 * tracefs are one event (Linux 5.4, commit 60d53e2c3b75 "tracing/probe: Split trace_event related
 * data from trace_probe" and those after it).
 *
 * A perf event of its own for each site would do as well, but each of those takes the kernel some
 * 80 ms to close, one after the other: 20 seconds for a build with 265 sites. The price of the
 * group is that its definition has a name in tracefs, which outlives us if we are killed: disabled,
 * costing nothing. A keeper removes it then (keeper.h), or the next pyfrag.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct uprobe_group {
	int32_t pid, number; /* pyfrag's process, and which of its groups; 0: none */
};

/*
 * Keeps open what groups are defined in, for a process that may open nothing for writing later;
 * before there are threads. It stays open.
 */
void uprobe_group__keep_open(void);

/* Whether there is a tracefs to define groups in. */
int uprobe_group__check(void);

/* A file descriptor, the caller's, to what groups are defined in; or negative errno. */
int uprobe_group__open(void);

/* One that no other has been. */
struct uprobe_group uprobe_group__new(void);

/*
 * Defines probes at @offsets of the file that @path leads to. Those that the kernel refuses are
 * left out: *defined counts the others. Returns 0 or negative errno; the group is to be removed.
 */
int uprobe_group__define(const struct uprobe_group *group, const char *path,
			 const uint64_t *offsets, size_t cnt, size_t *defined);

/* The number by which perf events know the group. Returns 0 or negative errno. */
int uprobe_group__event_number(const struct uprobe_group *group, uint64_t *out);

/*
 * Removes the definition, if there is one, by @fd of uprobe_group__open(). All perf events of the
 * group must be closed.
 */
void uprobe_group__remove(const struct uprobe_group *group, int fd);

/* Removes what a pyfrag that was killed has left. */
void uprobe_group__remove_stale(void);
