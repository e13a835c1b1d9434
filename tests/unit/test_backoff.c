// SPDX-License-Identifier: BSD-2-Clause
#include "util/backoff.h"

#include "unit_test.h"

static void assert_waits(const struct backoff *backoff, uint64_t from_ns, uint64_t wait_ns)
{
	assert_false(backoff__may_try(backoff, from_ns));
	assert_false(backoff__may_try(backoff, from_ns + wait_ns - 1));
	assert_true(backoff__may_try(backoff, from_ns + wait_ns));
}

static void test_it_waits_longer_each_time(void **state)
{
	static const uint64_t waits[] = {10, 20, 40, 80, 100, 100};
	struct backoff backoff = {};
	uint64_t now_ns = 1000;

	(void)state;
	assert_true(backoff__may_try(&backoff, 0));
	for (int i = 0; i < 6; i++) {
		backoff__fail(&backoff, 10, 100, now_ns);
		assert_waits(&backoff, now_ns, waits[i]);
		now_ns += 1000;
	}
	for (int i = 0; i < 1000; i++)
		backoff__fail(&backoff, 10, 100, now_ns);
	assert_waits(&backoff, now_ns, 100);
	backoff__succeed(&backoff);
	assert_true(backoff__may_try(&backoff, now_ns));
	backoff__fail(&backoff, 10, 100, now_ns);
	assert_waits(&backoff, now_ns, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_waits_longer_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
