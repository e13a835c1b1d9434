/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of a host share: the Pythons that it watches (host_members.h), the jobs that work
 * on them (host_jobs.h), and how new ones are found (host_looks.h).
 */
#pragma once

#include "host/candidates.h"
#include "host/finder.h"
#include "host/host_options.h"
#include "host/jobs.h"
#include "host/schedule.h"
#include "host/user_shares.h"
#include "probes/process_events.h"

struct host {
	struct host_options options;
	struct account *memory;	       /* for the data about all Pythons */
	struct watched *refused;       /* its last reading was refused memory; or NULL */
	struct process_events *events; /* NULL: not permitted; /proc is searched instead */
	uint64_t lost_cnt;
	struct candidates candidates;
	struct finder *finder;
	struct jobs jobs;
	struct watched **watched; /* sorted by pid */
	size_t watched_cnt, watched_capacity;
	/* No longer watched, but their probes are still to be removed. */
	struct watched **leaving;
	size_t leaving_cnt, leaving_capacity;
	size_t place_cnt; /* how many can be watched */
	/* CLOCK_MONOTONIC: when the first one was left out since the last search; 0: none was. */
	uint64_t left_out_ns;
	struct schedule schedule;
	struct user_shares shares;
	bool reads_first;	/* whether readings or looks go first; alternates */
	uint64_t work_until_ns; /* CLOCK_MONOTONIC */
	struct host_counts counts;
	bool out_of_memory;
};
