// SPDX-License-Identifier: BSD-2-Clause
/* The cost of tracing, as a share of the CPU time that the target would have used without it. */
#include "probes/tracer_totals.h"

#include "unit_test.h"

static void test_share(void **state)
{
	static const struct {
		uint64_t cpu_ns, spent_ns;
		double share;
	} rows[] = {
		{0, 0, 0},
		{1000, 0, 0},
		{1100, 100, 0.1},
		{2000, 1000, 1},
		/* An estimate may exceed the total. */
		{1000, 1000, 100},
		{1000, 5000, 500},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct tracer_cost cost = {.cpu_ns = rows[i].cpu_ns,
						 .spent_ns = rows[i].spent_ns};

		assert_true(tracer_cost__share(&cost) > rows[i].share - 1e-9);
		assert_true(tracer_cost__share(&cost) < rows[i].share + 1e-9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
