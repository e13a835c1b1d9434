/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is read when: each at every interval, as long as all of that takes no more of our CPU time
 * than the budget. If it would, the most urgent goes first: the longer it has waited, the more
 * there is to be seen (it grows, much of it is held back), and the less reading it takes. So a
 * large heap is read more seldom than small ones, and each at some time.
 *
 * What one reading takes beyond the budget is a debt of the user whose process it is. Half of what
 * comes in pays debts off, the other half goes on being there for small heaps. Who owes something
 * may not run into more debt, while others may: so users who have pyfrag work for long share with
 * the others what there is, but keep nobody from being read.
 *
 * What is read for the first time, or in a way in which it was not read before, takes nobody knows
 * how long; and a process can be made to take a thousand times as long as it took before. The
 * latter is a surprise: until that is paid off, nothing is believed that is known of its user's
 * processes. What may take any time is begun only for users who owe no more than is saved. So each
 * user can exceed the budget by one reading, or by as many as it may have under way at a time
 * (jobs.h), and all of them together exceed it for a while only.
 */
#pragma once

#include "host/user_debts.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is to be known of one to judge it. */
struct schedule_need {
	uint64_t read_ns;     /* CLOCK_MONOTONIC: when it was read last; 0: not yet */
	uint64_t taken_ns;    /* what that took of CPU time; 0: nobody knows what it will take */
	uint32_t overrun_cnt; /* readings in a row that were ended for taking too long */
	double arena_bytes;
	double held_back; /* the share of that which is hostage */
	double growth;	  /* bytes a minute */
	bool is_wanted;	  /* somebody waits for it: an alert */
};

struct schedule {
	double interval_s, budget; /* of a core */
	double saved_ns;	   /* of the budget */
	uint64_t saved_at_ns;	   /* CLOCK_MONOTONIC */
	struct user_debts debts;
};

/* At @now_ns there is enough for a beginning: so much CPU time at once. */
#define SCHEDULE_START_NS 1000000000.0
/* And later for a burst of so much. */
#define SCHEDULE_SAVED_NS_MAX 200000000.0

void schedule__begin(struct schedule *schedule, double interval_s, double budget, uint64_t now_ns);

/* What the time until @now_ns has brought. */
void schedule__save(struct schedule *schedule, uint64_t now_ns);

/*
 * That a process of @owner has taken @ns, of which @expected_ns were known beforehand; 0: nobody
 * knew.
 */
void schedule__spend(struct schedule *schedule, process_owner owner, uint64_t ns,
		     uint64_t expected_ns);

/*
 * Whether there is anything left of the budget; and enough for a process of @owner that takes that
 * long, where 0 is that nobody knows.
 */
bool schedule__has_budget(const struct schedule *schedule);
bool schedule__affords(const struct schedule *schedule, process_owner owner, uint64_t ns);

/* Whether any user owes anything. */
bool schedule__has_debts(const struct schedule *schedule);

/*
 * Whether one is due at @now_ns, and how urgent it is: the greater, the more. What was ended for
 * taking too long waits for two intervals, four, eight, and so on, up to a thousand.
 */
bool schedule__is_due(const struct schedule *schedule, const struct schedule_need *need,
		      uint64_t now_ns);
double schedule__urgency(const struct schedule_need *need, uint64_t now_ns);
