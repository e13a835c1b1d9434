/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many uprobes with one perf event, for kernels without uprobe_multi: probes of the same name in
 * tracefs are one event (since Linux 5.4, commit 60d53e2c3b75 "tracing/probe: Split trace_event
 * related data from trace_probe" and those after it).
 *
 * A perf event per site would work, too, but the kernel takes some 80 ms to close each of them, one
 * after the other: 20 seconds for a build with 265 sites. The price of a group is that its
 * definition has a name in tracefs, which stays if pyfrag is killed. It is then disabled and costs
 * nothing. The keeper removes it (keeper.h), or the next pyfrag does.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct uprobe_group {
	int32_t pid, number; /* pid of pyfrag, and the number of the group in it; 0: none */
};

/*
 * Keeps the file open in which groups are defined, for a process that may not open files for
 * writing later. It is never closed. Call it before there are threads.
 */
void uprobe_group__keep_open(void);

/* Checks whether there is a tracefs to define groups in. Returns 0 or negative errno. */
int uprobe_group__check(void);

/*
 * Opens the file in which groups are defined. Returns a file descriptor, which the caller owns, or
 * negative errno.
 */
int uprobe_group__open(void);

/* A group different from all earlier ones. */
struct uprobe_group uprobe_group__new(void);

/*
 * Defines probes at @offsets of the file @path, except those that the kernel rejects. *defined: the
 * number of probes defined. Returns 0 or negative errno; remove the group in either case.
 */
int uprobe_group__define(const struct uprobe_group *group, const char *path,
			 const uint64_t *offsets, size_t cnt, size_t *defined);

/* The number of the group in perf events. Returns 0 or negative errno. */
int uprobe_group__event_number(const struct uprobe_group *group, uint64_t *out);

/*
 * Removes the definition, if there is one, through @fd from uprobe_group__open(). All perf events
 * of the group must have been closed.
 */
void uprobe_group__remove(const struct uprobe_group *group, int fd);

/* Removes the groups of a pyfrag that was killed. */
void uprobe_group__remove_stale(void);
