/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every Python of a host: found as they come, read in turn, dropped as they go.
 *
 * Reading a process may hang (see readers.h): one that does so is left alone until its reading has
 * ended, and the rest goes on.
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

/* Finds what there is, and begins to watch for more. Errors are described; the caller frees. */
int host__new(struct host **out, const struct host_options *options, struct failure *failure);
void host__free(struct host *host);
void host__freep(struct host **host);

/* Changes the pace that the options gave. */
void host__set_pace(struct host *host, const struct pace *pace);

/* Looks at who has come and gone, and reads those that are due. Returns 0 or -ENOMEM. */
int host__work(struct host *host);

/* The Pythons, by pid; those that could not be read yet are among them. */
size_t host__watched(const struct host *host, struct watched *const **watched);

/* The one with that number, or NULL. */
struct watched *host__find(const struct host *host, pid_t pid);

/* The memory that all that is known of all Pythons takes. */
struct account_usage host__memory(const struct host *host);

const struct host_counts *host__counts(const struct host *host);

/* Whether those that there is most to learn of are probed, and allocation sites reported. */
bool host__tells_sites(const struct host *host);

/* Whether nothing can be looked at any more: as much hangs as may. */
bool host__is_stuck(const struct host *host);

/*
 * Whether nothing was read for ten intervals, and a minute at least, of any Python, though there
 * was budget for it. Those that were never read do not count.
 */
bool host__is_stale(const struct host *host);
