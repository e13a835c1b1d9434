// SPDX-License-Identifier: BSD-2-Clause
#include "host/schedule.h"

#include <math.h>

/* What reading takes, as long as that is not known, and at least. */
#define TAKEN_NS_MIN 100000.0
/*
 * So much more urgent is what grows by a tenth of itself a minute; what is all held back; what an
 * alert waits for.
 */
#define GROWTH_WEIGHT	 3.0
#define GROWTH_FULL	 0.1
#define HELD_BACK_WEIGHT 3.0
#define WANTED_WEIGHT	 10.0

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
	       paid = fmin(more / 2, schedule->debt_ns);

	schedule->debt_ns -= paid;
	/* What there is for the beginning is not cut down, but gets no more. */
	if (schedule->saved_ns < SCHEDULE_SAVED_NS_MAX)
		schedule->saved_ns = fmin(schedule->saved_ns + more - paid, SCHEDULE_SAVED_NS_MAX);
	schedule->saved_at_ns = now_ns;
}

void schedule__spend(struct schedule *schedule, uint64_t ns)
{
	double over = fmax((double)ns - schedule->saved_ns, 0);

	schedule->saved_ns -= (double)ns - over;
	schedule->debt_ns += over;
}

bool schedule__has_budget(const struct schedule *schedule)
{
	return schedule->saved_ns > 0;
}

bool schedule__affords(const struct schedule *schedule, uint64_t ns)
{
	return schedule__has_budget(schedule) &&
	       (schedule->debt_ns <= 0 || (double)ns <= schedule->saved_ns);
}

bool schedule__is_due(const struct schedule *schedule, const struct schedule_need *need,
		      uint64_t now_ns)
{
	/* What was read since @now_ns is not due again. */
	if (!need->read_ns || need->read_ns >= now_ns)
		return !need->read_ns;
	return need->is_wanted || (double)(now_ns - need->read_ns) >= schedule->interval_s * 1e9;
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
