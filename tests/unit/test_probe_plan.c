// SPDX-License-Identifier: BSD-2-Clause
/* What is probed when, for each combination of options: listed by hand. */
#include "probes/probe_plan.h"

#include "unit_test.h"
#include "util/cleanup.h"

#define TYPE(event) (1U << (event))
#define BLOCKS	    (TYPE(EVENT_ALLOC) | TYPE(EVENT_FREE))
#define GROWTH	    (TYPE(EVENT_NEW_POOL) | TYPE(EVENT_POOL_FREED))
#define ARENAS	    (TYPE(EVENT_ARENA_MAP) | TYPE(EVENT_ARENA_UNMAP) | TYPE(EVENT_FREELIST_CLEAR))

static struct site sites[] = {{.probe.type = EVENT_ALLOC}, {.probe.type = EVENT_FREE}};

static const struct site_set all = {.items = sites, .cnt = 2};
static const struct site_set no_frees = {.items = sites, .cnt = 1};

static void test_plans(void **state)
{
	static const struct {
		struct probe_wishes wishes;
		const struct site_set *sites;
		uint32_t lasting, growth, burst;
		bool has_budget;
	} rows[] = {
		/* follow_blocks, budget, no_bursts, can_switch */
		{{true, 0.02, false, true}, &all, ARENAS | BLOCKS | GROWTH, 0, 0, false},
		{{true, 0, false, false}, &all, ARENAS | BLOCKS | GROWTH, 0, 0, false},
		{{false, 0, false, true}, &all, ARENAS, 0, 0, false},
		{{false, 0, false, false}, &all, ARENAS, 0, 0, false},
		{{false, 0.02, false, true}, &all, ARENAS, GROWTH, BLOCKS, true},
		{{false, 0.02, true, true}, &all, ARENAS, GROWTH, 0, true},
		{{false, 0.02, false, true}, &no_frees, ARENAS, GROWTH, 0, true},
		{{false, 0.02, false, false}, &all, ARENAS | GROWTH, 0, 0, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct probe_plan plan = probe_plan__make(&rows[i].wishes, rows[i].sites);

		assert_int_equal(plan.types[PROBES_LASTING], rows[i].lasting);
		assert_int_equal(plan.types[PROBES_GROWTH], rows[i].growth);
		assert_int_equal(plan.types[PROBES_BURST], rows[i].burst);
		assert_int_equal(plan.has_bursts, rows[i].burst != 0);
		assert_int_equal(plan.has_budget, rows[i].has_budget);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
