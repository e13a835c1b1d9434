/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When each process is read: at every interval, as long as all readings together stay within the
 * budget of CPU time. Otherwise the most urgent reading goes first: urgency increases with the time
 * since the last reading and with what there is to see (growth, hostage bytes), and decreases with
 * the time that the reading takes. So large heaps are read less often than small ones, but each
 * eventually.
 *
 * If a reading exceeds the budget, the excess is a debt of the user whose process it is. Half of
 * the income pays off debts, the other half remains available for small heaps. A user with a debt
 * may not incur more, but others may. So users whose readings take long share what there is with
 * the others, but keep nobody from being read.
 *
 * The duration of a reading is unknown when it is the first one, or the first of its kind. A
 * process can also make a reading take a thousand times as long as the one before. That is a
 * surprise: until it is paid off, known durations of this user's processes are not trusted.
 * Readings of unknown duration start only for users whose debt is no larger than the savings. So
 * each user can exceed the budget by one reading, or as many as it may have running at a time
 * (jobs.h), and all users together exceed it only temporarily.
 */
#pragma once

#include "host/user_debts.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the schedule needs to know about a process. */
struct schedule_need {
	uint64_t read_ns;     /* CLOCK_MONOTONIC: last reading; 0: none yet */
	uint64_t taken_ns;    /* CPU time of the next reading, by the last one; 0: unknown */
	uint32_t overrun_cnt; /* consecutive readings aborted for taking too long */
	double arena_bytes;
	double held_back; /* the hostage share of @arena_bytes */
	double growth;	  /* bytes per minute */
	bool is_wanted;	  /* an alert waits for it */
};

struct schedule {
	double interval_s, budget; /* budget: share of a core */
	double saved_ns;	   /* unused part of the budget */
	uint64_t saved_at_ns;	   /* CLOCK_MONOTONIC */
	struct user_debts debts;
};

/* The initial savings: a burst of this much CPU time. */
#define SCHEDULE_START_NS 1000000000.0
/* The maximum savings later. */
#define SCHEDULE_SAVED_NS_MAX 200000000.0

void schedule__begin(struct schedule *schedule, double interval_s, double budget, uint64_t now_ns);

/* Adds the budget for the time until @now_ns. */
void schedule__save(struct schedule *schedule, uint64_t now_ns);

/* Notes that a process of @owner took @ns, of which @expected_ns were expected; 0: unknown. */
void schedule__spend(struct schedule *schedule, process_owner owner, uint64_t ns,
		     uint64_t expected_ns);

/*
 * Whether any budget is left; and whether it is enough for a job of @ns on a process of @owner,
 * where 0 means that the duration is unknown.
 */
bool schedule__has_budget(const struct schedule *schedule);
bool schedule__affords(const struct schedule *schedule, process_owner owner, uint64_t ns);

/* Whether any user has a debt. */
bool schedule__has_debts(const struct schedule *schedule);

/*
 * Whether a process is due at @now_ns, and how urgent it is; more is more urgent. After an aborted
 * reading a process waits for two intervals, then four, eight, and so on, up to a thousand.
 */
bool schedule__is_due(const struct schedule *schedule, const struct schedule_need *need,
		      uint64_t now_ns);
double schedule__urgency(const struct schedule_need *need, uint64_t now_ns);
