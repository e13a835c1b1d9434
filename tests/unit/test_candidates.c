// SPDX-License-Identifier: BSD-2-Clause
/*
 * How often the agent looks at a process for which that takes long each time, so that
 * candidates__add_again() queues it again.
 */
#include "host/candidates.h"

#include "unit_test.h"

#define SECOND_NS 1000000000UL

struct looks {
	struct candidate last;
	unsigned int cnt;
};

static enum look_result note(void *context, struct candidate *candidate)
{
	struct looks *looks = context;

	looks->last = *candidate;
	looks->cnt++;
	return LOOK_DONE;
}

static void test_slow_looks_are_as_few_as_others(void **state)
{
	struct candidates candidates = {};
	struct looks looks = {};
	uint64_t now_ns = SECOND_NS;

	(void)state;
	assert_int_equal(candidates__add(&candidates, 7, now_ns), 0);
	for (int i = 0; i < 10; i++) {
		unsigned int before = looks.cnt;

		now_ns += 100 * SECOND_NS;
		candidates__look(&candidates, now_ns, note, &looks);
		if (looks.cnt > before)
			assert_int_equal(candidates__add_again(&candidates, 7,
							       looks.last.look_cnt + 1, now_ns),
					 0);
	}
	assert_int_equal(looks.cnt, 4);
	assert_int_equal(candidates.cnt, 0);
	candidates__release(&candidates);
}

static void test_another_program_begins_anew(void **state)
{
	struct candidates candidates = {};

	(void)state;
	assert_int_equal(candidates__add(&candidates, 7, SECOND_NS), 0);
	assert_int_equal(candidates__add_again(&candidates, 7, 3, SECOND_NS), 0);
	assert_int_equal(candidates.cnt, 1);
	assert_int_equal(candidates.items[0].look_cnt, 0);
	assert_int_equal(candidates.items[0].due_ns, SECOND_NS + SECOND_NS / 2);
	candidates__release(&candidates);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_looks_are_as_few_as_others),
		cmocka_unit_test(test_another_program_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
