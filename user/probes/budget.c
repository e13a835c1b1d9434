// SPDX-License-Identifier: BSD-2-Clause
#include "probes/budget.h"

/* @share of the CPU time that the target has used for its own work. */
static uint64_t share_of_work(const struct budget *budget, const struct budget_state *state,
			      double share)
{
	uint64_t used_ns =
		state->cpu_ns > budget->cpu_start_ns ? state->cpu_ns - budget->cpu_start_ns : 0;
	uint64_t own_ns = used_ns > state->spent_ns ? used_ns - state->spent_ns : 0;

	return (uint64_t)(share * (double)own_ns);
}

uint64_t budget__allowance_ns(const struct budget *budget, const struct budget_state *state)
{
	return state->burst_spent_ns + BUDGET_START_NS +
	       share_of_work(budget, state, budget->share / 2);
}

bool budget__can_watch_growth(const struct budget *budget, const struct budget_state *state)
{
	return budget__allowance_ns(budget, state) >= state->spent_ns + BUDGET_GROWTH_NS;
}

bool budget__can_burst(const struct budget *budget, const struct budget_state *state,
		       uint64_t *limit_ns)
{
	uint64_t allowance_ns = share_of_work(budget, state, budget->share);

	if (allowance_ns < state->spent_ns + BUDGET_RESERVE_NS + BUDGET_BURST_NS)
		return false;
	*limit_ns = allowance_ns - BUDGET_RESERVE_NS;
	return true;
}
