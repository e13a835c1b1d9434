/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is read when: each at every interval, as long as all of that takes no more of our CPU time
 * than the budget. If it would, the most urgent goes first: the longer it has waited, the more
 * there is to be seen (it grows, much of it is held back), and the less reading it takes. So a
 * large heap is read more seldom than small ones, and each at some time.
 *
 * What one reading takes beyond the budget is a debt. Half of what comes in pays it off, the other
 * half goes on being there for small heaps; before it is paid nothing else may run into debt.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is to be known of one to judge it. */
struct schedule_need {
	uint64_t read_ns;  /* CLOCK_MONOTONIC: when it was read last; 0: not yet */
	uint64_t taken_ns; /* what that took of CPU time */
	double arena_bytes;
	double held_back; /* the share of that which is hostage */
	double growth;	  /* bytes a minute */
	bool is_wanted;	  /* somebody waits for it: an alert */
};

struct schedule {
	double interval_s, budget; /* of a core */
	double saved_ns, debt_ns;  /* of the budget */
	uint64_t saved_at_ns;	   /* CLOCK_MONOTONIC */
};

/* At @now_ns there is enough for a beginning: so much CPU time at once. */
#define SCHEDULE_START_NS 1000000000.0
/* And later for a burst of so much. */
#define SCHEDULE_SAVED_NS_MAX 200000000.0

void schedule__begin(struct schedule *schedule, double interval_s, double budget, uint64_t now_ns);

/* What the time until @now_ns has brought, and what was spent. */
void schedule__save(struct schedule *schedule, uint64_t now_ns);
void schedule__spend(struct schedule *schedule, uint64_t ns);

/* Whether there is anything left of the budget; and enough to read what takes that long. */
bool schedule__has_budget(const struct schedule *schedule);
bool schedule__affords(const struct schedule *schedule, uint64_t ns);

/* Whether one is due at @now_ns, and how urgent it is: the greater, the more. */
bool schedule__is_due(const struct schedule *schedule, const struct schedule_need *need,
		      uint64_t now_ns);
double schedule__urgency(const struct schedule_need *need, uint64_t now_ns);
