// SPDX-License-Identifier: BSD-2-Clause
/*
 * The CPU time limit of `pyfrag sites FILE`, for this test's own program. Whether some of its code
 * looks like a probe site depends on the build.
 */
#include <errno.h>

#include "cmd/commands.h"
#include "unit_test.h"

/* Less than the clock of util/cpu_allowance.h measures, so that any scan exceeds it. */
#define TOO_SHORT_S 1e-6

static int run_sites(double max_cpu_s)
{
	char path[] = "/proc/self/exe", *const arguments[] = {path, NULL};
	const struct options options = {.arguments = (char **)arguments,
					.argument_cnt = 1,
					.snapshot.reading.max_cpu_s = max_cpu_s,
					.trace.no_cache = true};

	return command_sites.run(&options);
}

static void check_is_scanned(double max_cpu_s)
{
	int err = run_sites(max_cpu_s);

	if (err && err != -ENOENT)
		fail_msg("%d with a limit of %g s", err, max_cpu_s);
}

static void test_within_the_limit(void **state)
{
	(void)state;
	check_is_scanned(0);
	check_is_scanned(600);
}

static void test_beyond_the_limit(void **state)
{
	(void)state;
	assert_int_equal(run_sites(TOO_SHORT_S), -ETIME);
	/* The next one has a limit of its own. */
	check_is_scanned(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_within_the_limit),
		cmocka_unit_test(test_beyond_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
