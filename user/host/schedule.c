// SPDX-License-Identifier: BSD-2-Clause
#include "host/schedule.h"

#include <math.h>

/* The assumed CPU time of a reading if it is not known, and the minimum. */
#define TAKEN_NS_MIN 100000.0
/*
 * Weights of a heap that grows by GROWTH_FULL of its size per minute, of one that consists of
 * hostage bytes only, and of one that an alert waits for.
 */
#define GROWTH_WEIGHT	 3.0
#define GROWTH_FULL	 0.1
#define HELD_BACK_WEIGHT 3.0
#define WANTED_WEIGHT	 10.0
/*
 * A reading is a surprise if it exceeds this many times the expected time plus this much. Caches
 * and load on other processors can double the time.
 */
#define SURPRISE_FACTOR 2
#define SURPRISE_NS	20000000UL
/*
 * On many hosts most processes belong to root outside of containers. These may owe this much before
 * readings of unknown duration have to wait.
 */
#define ROOT_CREDIT_NS SCHEDULE_START_NS
/* The interval is doubled at most this many times. */
#define DOUBLINGS_MAX 10

void schedule__begin(struct schedule *schedule, double interval_s, double budget, uint64_t now_ns)
{
	*schedule = (struct schedule){.interval_s = interval_s,
				      .budget = budget,
				      .saved_ns = SCHEDULE_START_NS,
				      .saved_at_ns = now_ns};
}

void schedule__save(struct schedule *schedule, uint64_t now_ns)
{
	double more = schedule->budget * (double)(now_ns - schedule->saved_at_ns),
	       paid = user_debts__pay(&schedule->debts, more / 2);

	/* The initial savings may exceed the maximum, but then nothing is added. */
	if (schedule->saved_ns < SCHEDULE_SAVED_NS_MAX)
		schedule->saved_ns = fmin(schedule->saved_ns + more - paid, SCHEDULE_SAVED_NS_MAX);
	schedule->saved_at_ns = now_ns;
}

static bool is_surprise(uint64_t ns, uint64_t expected_ns)
{
	return expected_ns && ns > SURPRISE_NS &&
	       (ns - SURPRISE_NS) / SURPRISE_FACTOR > expected_ns;
}

void schedule__spend(struct schedule *schedule, process_owner owner, uint64_t ns,
		     uint64_t expected_ns)
{
	double over = fmax((double)ns - schedule->saved_ns, 0);

	schedule->saved_ns -= (double)ns - over;
	if (over > 0)
		user_debts__add(&schedule->debts, owner, over, is_surprise(ns, expected_ns));
}

bool schedule__has_budget(const struct schedule *schedule)
{
	return schedule->saved_ns > 0;
}

bool schedule__has_debts(const struct schedule *schedule)
{
	return user_debts__sum(&schedule->debts) > 0;
}

bool schedule__affords(const struct schedule *schedule, process_owner owner, uint64_t ns)
{
	const struct user_debt debt = user_debts__of(&schedule->debts, owner);

	if (!schedule__has_budget(schedule))
		return false;
	if (!ns || debt.has_surprised)
		return debt.ns <=
		       schedule->saved_ns + (process_owner__is_trusted(owner) ? ROOT_CREDIT_NS : 0);
	return debt.ns <= 0 || (double)ns <= schedule->saved_ns;
}

bool schedule__is_due(const struct schedule *schedule, const struct schedule_need *need,
		      uint64_t now_ns)
{
	uint32_t doublings = need->overrun_cnt < DOUBLINGS_MAX ? need->overrun_cnt : DOUBLINGS_MAX;

	/* A process that was read after @now_ns is not due again. */
	if (!need->read_ns || need->read_ns >= now_ns)
		return !need->read_ns;
	if (need->is_wanted && !doublings)
		return true;
	return (double)(now_ns - need->read_ns) >=
	       schedule->interval_s * 1e9 * (double)(1U << doublings);
}

double schedule__urgency(const struct schedule_need *need, uint64_t now_ns)
{
	double weight = 1 + HELD_BACK_WEIGHT * need->held_back;

	if (!need->read_ns)
		return HUGE_VAL;
	if (need->arena_bytes > 0)
		weight += GROWTH_WEIGHT *
			  fmin(1, fabs(need->growth) / (GROWTH_FULL * need->arena_bytes));
	if (need->is_wanted)
		weight += WANTED_WEIGHT;
	return weight * (double)(now_ns - need->read_ns) /
	       fmax((double)need->taken_ns, TAKEN_NS_MIN);
}
