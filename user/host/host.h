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

#include "host/finder.h"
#include "host/watched.h"
#include "util/failure.h"

struct host_options {
	struct host_filter filter;
	struct watched_options watched;
	double interval_s;
	double budget;		   /* what of a core reading may take */
	uint64_t max_memory_bytes; /* for all that is known of all Pythons together */
};

/* What the host has been through. */
struct host_counts {
	uint64_t found, gone; /* Pythons */
	uint64_t unreadable;  /* processes with a Python whose heap could not be opened */
	uint64_t readings, read_errors;
	uint64_t overruns; /* looks and readings that were ended, for they took too much CPU time */
	uint64_t deferred; /* readings that came later than their interval, for the budget */
	uint64_t forgotten;   /* heap images that were given up, for all together took too much */
	uint64_t events_lost; /* of processes: /proc was looked at again */
	uint64_t taken_ns;    /* CPU time of looking and reading */
	uint64_t late;	      /* of these, those that took over half a second of time */
	uint64_t hanging;     /* those that have not ended yet */
	uint64_t
		held_back; /* looks that were put off, for readings of that user's processes hang */
	uint64_t left_out; /* Pythons not watched, for there are too many: see places.h */
	/* Executable files not looked into, for their process has too many. */
	uint64_t files_left_out;
};

struct host;

/* Finds what there is, and begins to watch for more. Errors are described; the caller frees. */
int host__new(struct host **out, const struct host_options *options, struct failure *failure);
void host__free(struct host *host);
void host__freep(struct host **host);

/* From now on so often, and so much. */
void host__set_pace(struct host *host, double interval_s, double budget);

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
