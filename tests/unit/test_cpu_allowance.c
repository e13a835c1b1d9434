// SPDX-License-Identifier: BSD-2-Clause
#include "util/cpu_allowance.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "unit_test.h"
#include "util/clock.h"
#include "util/sleep.h"

#define MS   1000000UL
#define HOUR (3600000 * MS)

/* Works until the allowance is used up; returns the CPU time that took. */
static uint64_t work_until_refused(void)
{
	uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	while (!cpu_allowance__check())
		;
	return clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
}

static void test_without_one_there_is_no_limit(void **state)
{
	(void)state;
	assert_int_equal(cpu_allowance__check(), 0);
	assert_int_equal(cpu_allowance__end(), 0);
}

static void test_it_is_used_up_and_stays_so(void **state)
{
	(void)state;
	cpu_allowance__begin(20 * MS);
	assert_true(work_until_refused() >= 19 * MS);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(cpu_allowance__check(), -ETIME);
	assert_int_equal(cpu_allowance__end(), -ETIME);
	/* Afterwards there is no limit, and the next allowance starts unused. */
	assert_int_equal(cpu_allowance__check(), 0);
	assert_int_equal(cpu_allowance__end(), 0);
	cpu_allowance__begin(HOUR);
	assert_int_equal(cpu_allowance__check(), 0);
	assert_int_equal(cpu_allowance__end(), 0);
}

/* A thread that waits uses no CPU time, however long it waits. */
static void test_waiting_is_free(void **state)
{
	(void)state;
	cpu_allowance__begin(50 * MS);
	for (int i = 0; i < 10; i++) {
		sleep_ns(10 * MS);
		assert_int_equal(cpu_allowance__check(), 0);
	}
	assert_true(work_until_refused() > 0);
	assert_int_equal(cpu_allowance__end(), -ETIME);
}

static void *use_up_another(void *context)
{
	int *result = context;

	cpu_allowance__begin(MS);
	work_until_refused();
	*result = cpu_allowance__end();
	return NULL;
}

static void test_each_thread_has_its_own(void **state)
{
	pthread_t thread;
	int result = 0;

	(void)state;
	cpu_allowance__begin(HOUR);
	assert_int_equal(pthread_create(&thread, NULL, use_up_another, &result), 0);
	pthread_join(thread, NULL);
	assert_int_equal(result, -ETIME);
	assert_int_equal(cpu_allowance__check(), 0);
	assert_int_equal(cpu_allowance__end(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_one_there_is_no_limit),
		cmocka_unit_test(test_it_is_used_up_and_stays_so),
		cmocka_unit_test(test_waiting_is_free),
		cmocka_unit_test(test_each_thread_has_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
