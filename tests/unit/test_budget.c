// SPDX-License-Identifier: BSD-2-Clause
/*
 * The budget, on simulated targets: whatever they do, the cost of hits stays within the budget, and
 * the budget is used up where possible.
 */
#include "probes/budget.h"

#include "prng.h"
#include "unit_test.h"

#define MS 1000000UL
#define S  1000000000UL

static void test_nothing_done_nothing_allowed(void **state)
{
	const struct budget budget = {.share = 0.02, .cpu_start_ns = 7 * S};
	struct budget_state at = {.cpu_ns = 7 * S};
	uint64_t limit_ns = 77;

	(void)state;
	assert_int_equal(budget__allowance_ns(&budget, &at), BUDGET_START_NS);
	assert_false(budget__can_burst(&budget, &at, &limit_ns));
	/* A clock that seems to go backwards does not increase the budget. */
	at.cpu_ns = 6 * S;
	assert_int_equal(budget__allowance_ns(&budget, &at), BUDGET_START_NS);
	assert_false(budget__can_burst(&budget, &at, &limit_ns));
	assert_int_equal(limit_ns, 77);
}

static void test_half_is_for_growth(void **state)
{
	const struct budget budget = {.share = 0.02};
	struct budget_state at = {.cpu_ns = 100 * S};

	(void)state;
	assert_int_equal(budget__allowance_ns(&budget, &at), BUDGET_START_NS + S);
	/* The time spent in hits is not the target's own. */
	at.spent_ns = 50 * S;
	assert_int_equal(budget__allowance_ns(&budget, &at), BUDGET_START_NS + S / 2);
	assert_false(budget__can_watch_growth(&budget, &at));
	/* The cost of bursts is not charged to growth. */
	at.burst_spent_ns = 50 * S;
	assert_int_equal(budget__allowance_ns(&budget, &at), 50 * S + BUDGET_START_NS + S / 2);
	assert_true(budget__can_watch_growth(&budget, &at));
}

static void test_a_burst_waits_until_its_end_is_paid_for(void **state)
{
	const struct budget budget = {.share = 0.01};
	struct budget_state at = {.spent_ns = 10 * MS};
	uint64_t limit_ns;

	(void)state;
	at.cpu_ns = at.spent_ns + 100 * (BUDGET_RESERVE_NS + BUDGET_BURST_NS + at.spent_ns) - 100;
	assert_false(budget__can_burst(&budget, &at, &limit_ns));
	at.cpu_ns += 200;
	assert_true(budget__can_burst(&budget, &at, &limit_ns));
	assert_in_range(limit_ns, at.spent_ns + BUDGET_BURST_NS - 1,
			at.spent_ns + BUDGET_BURST_NS + 10);
}

struct simulation {
	struct budget budget;
	struct budget_state at;
	bool growth_is_on;
	uint64_t bursts;
	uint64_t random;
};

/*
 * Simulates 200 ms of a target in which growth would take @growth_percent of the time, by the
 * pacer's rules.
 */
static void simulate_tick(struct simulation *sim, uint32_t growth_percent)
{
	uint64_t allowance_ns, limit_ns, growth_ns = 0;

	sim->at.cpu_ns += 200 * MS;
	if (sim->growth_is_on) {
		growth_ns = 2 * MS * growth_percent;
		allowance_ns = budget__allowance_ns(&sim->budget, &sim->at);
		/* Spending exceeds the allowance for some ms, until the probes are detached. */
		if (sim->at.spent_ns + growth_ns > allowance_ns) {
			sim->growth_is_on = false;
			growth_ns = allowance_ns > sim->at.spent_ns
					    ? allowance_ns - sim->at.spent_ns
					    : 0;
			growth_ns += MS * growth_percent / 100;
		}
		sim->at.spent_ns += growth_ns;
	} else if (budget__can_watch_growth(&sim->budget, &sim->at)) {
		sim->growth_is_on = true;
	}
	if (budget__can_burst(&sim->budget, &sim->at, &limit_ns)) {
		uint64_t cost_ns =
			limit_ns - sim->at.spent_ns + prng__below(&sim->random, BUDGET_RESERVE_NS);

		sim->at.spent_ns += cost_ns;
		sim->at.burst_spent_ns += cost_ns;
		sim->at.cpu_ns += cost_ns;
		sim->bursts++;
	}
}

static void test_it_is_kept_and_used(void **state)
{
	static const double shares[] = {0.005, 0.02, 0.1};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (uint32_t growth_percent = 0; growth_percent <= 80; growth_percent += 20) {
			struct simulation sim = {.budget.share = shares[i],
						 .growth_is_on = true,
						 .random = i + 1};
			double own_ns;

			for (int tick = 0; tick < 5 * 600; tick++) {
				simulate_tick(&sim, growth_percent);
				own_ns = (double)(sim.at.cpu_ns - sim.at.spent_ns);
				assert_true((double)sim.at.spent_ns <=
					    shares[i] * own_ns + 2 * BUDGET_START_NS);
			}
			assert_true(sim.bursts > 0);
			assert_true((double)sim.at.spent_ns >= 0.7 * shares[i] * own_ns);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_done_nothing_allowed),
		cmocka_unit_test(test_half_is_for_growth),
		cmocka_unit_test(test_a_burst_waits_until_its_end_is_paid_for),
		cmocka_unit_test(test_it_is_kept_and_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
