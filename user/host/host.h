/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All Pythons of a host: found when they start, read in turn, dropped when they exit.
 *
 * Reading a process may stall (see readers.h). Such a process is left alone until its reading has
 * finished; the others are not affected.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/host_options.h"
#include "host/watched.h"
#include "util/failure.h"
#include "util/pace.h"

struct host;

/*
 * Finds the existing processes and starts to watch for new ones. Errors are described. The caller
 * frees @out.
 */
int host__new(struct host **out, const struct host_options *options, struct failure *failure);
void host__free(struct host *host);
void host__freep(struct host **host);

/* Replaces the pace set by the options. */
void host__set_pace(struct host *host, const struct pace *pace);

/* Handles processes that started or exited, and reads those that are due. Returns 0 or -ENOMEM. */
int host__work(struct host *host);

/* The Pythons, sorted by pid, including those that could not be read yet. */
size_t host__watched(const struct host *host, struct watched *const **watched);

/* The Python with this pid, or NULL. */
struct watched *host__find(const struct host *host, pid_t pid);

/* The memory used for the data about all Pythons. */
struct account_usage host__memory(const struct host *host);

const struct host_counts *host__counts(const struct host *host);

/* Whether the most informative processes are probed and their allocation sites reported. */
bool host__reports_sites(const struct host *host);

/* Whether no process can be looked at because the maximum number of jobs is stalled. */
bool host__is_stuck(const struct host *host);

/*
 * Whether no Python has been read for ten intervals, or at least a minute, although the budget
 * allowed it. Pythons that were never read do not count.
 */
bool host__is_stale(const struct host *host);
