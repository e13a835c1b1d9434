/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of a host share: which Pythons it watches (host_members.h), what is done to them
 * by jobs (host_jobs.h), and how new ones are found (host_looks.h).
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
	struct account *memory; /* of all that is known of all Pythons */
	struct watched
		*refused; /* whose last reading would have taken more than there was; or NULL */
	struct process_events *events; /* NULL: not permitted here; /proc is looked at instead */
	uint64_t lost_cnt;
	struct candidates candidates;
	struct finder *finder;
	struct jobs jobs;
	struct watched **watched; /* by pid */
	size_t watched_cnt, watched_capacity;
	/* Those that are not watched any more, but whose probes are yet to be taken out. */
	struct watched **leaving;
	size_t leaving_cnt, leaving_capacity;
	size_t place_cnt; /* so many are watched at most */
	/* CLOCK_MONOTONIC: when one was left out first that is not looked for yet; 0: none. */
	uint64_t left_out_ns;
	struct schedule schedule;
	struct user_shares shares;
	bool reads_first;	/* before it looks at candidates: each has its turn */
	uint64_t work_until_ns; /* CLOCK_MONOTONIC */
	struct host_counts counts;
	bool out_of_memory;
};
