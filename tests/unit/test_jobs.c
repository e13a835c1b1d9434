// SPDX-License-Identifier: BSD-2-Clause
/* Which owner may start another job that may hang, depending on the jobs that hang now. */
#include "host/jobs.h"

#include "unit_test.h"

static void check_places(process_owner owner, int cnt)
{
	struct job late[READERS_LATE_MAX] = {};
	struct jobs jobs = {};

	for (int i = 0; i < cnt; i++) {
		assert_true(jobs__has_place(&jobs, owner));
		late[i].owner = owner;
		jobs.late[i] = &late[i];
	}
	assert_false(jobs__has_place(&jobs, owner));
	/* Other owners still have their slots. */
	assert_true(jobs__has_place(&jobs, owner + 1));
}

static void test_places(void **state)
{
	(void)state;
	check_places(1000, JOBS_LATE_PER_USER_MAX);
	/* Root outside of containers, and in one. */
	check_places(process_owner__decide("0::/system.slice/a.service\n", 0, true),
		     2 * JOBS_LATE_PER_USER_MAX);
	check_places(process_owner__decide("0::/system.slice/a.service\n", 0, false),
		     JOBS_LATE_PER_USER_MAX);
	assert_true(2 * JOBS_LATE_PER_USER_MAX + JOBS_LATE_PER_USER_MAX < READERS_LATE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
