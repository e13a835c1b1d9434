/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every Python of a host: found as they come, read in turn, dropped as they go.
 *
 * Who is read when: each at every interval, as long as all of that takes no more of our CPU time than the budget. If it
 * would, whoever has waited longest goes first, in units of what reading it takes: so a large heap is read more
 * seldom than small ones, and each at some time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/watched.h"
#include "util/failure.h"

/* Whom to watch; a Python that all of them are true of. */
struct host_filter {
	const char *comm, *user; /* NULL: any */
	const char *cgroup;	 /* part of the path; NULL: any */
	const char *
		match; /* a POSIX extended regular expression that the command line matches; NULL: any */
};

struct host_options {
	struct host_filter filter;
	struct watched_options watched;
	double interval_s;
	double budget; /* what of a core reading may take */
};

/* What the host has been through. */
struct host_counts {
	uint64_t found, gone; /* Pythons */
	uint64_t unreadable;  /* processes with a Python whose heap could not be opened */
	uint64_t readings, read_errors;
	uint64_t deferred;    /* readings that came later than their interval, for the budget */
	uint64_t events_lost; /* of processes: /proc was looked at again */
	uint64_t taken_ns;    /* CPU time of readings */
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

const struct host_counts *host__counts(const struct host *host);
