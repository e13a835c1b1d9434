// SPDX-License-Identifier: BSD-2-Clause
#include "target/sleep_watch.h"

#include <pthread.h>
#include <unistd.h>

#include "child.h"
#include "target/live.h"
#include "unit_test.h"
#include "util/sleep.h"

/* Answers each byte with a byte, and sleeps in between. */
static int answer(void *argument)
{
	char byte = 'x';

	(void)argument;
	while (write(1, &byte, 1) == 1 && read(0, &byte, 1) == 1)
		;
	return 0;
}

static void *answer_in_thread(void *argument)
{
	answer(argument);
	return NULL;
}

/* The first thread only waits. */
static int answer_beside(void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, answer_in_thread, argument))
		return 1;
	return pthread_join(thread, NULL);
}

static bool has_slept(struct sleep_watch *watch, const struct child *child)
{
	const struct target target = {.ops = &live_ops, .pid = child->pid};

	return sleep_watch__has_slept(watch, &target);
}

/* It has answered, and goes to sleep: waits until the watch knows that it has slept. */
static void wait_for_sleep(struct sleep_watch *watch, const struct child *child)
{
	for (int i = 0; i < 5000 && !has_slept(watch, child); i++)
		sleep_ns(1000000);
	assert_true(has_slept(watch, child));
}

static void assert_is_seen(int (*run)(void *argument))
{
	struct sleep_watch watch = {};
	struct child child;

	child__fork(&child, run, NULL);
	child__wait_until_ready(&child);
	assert_false(has_slept(&watch, &child));
	wait_for_sleep(&watch, &child);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(write(child.in, "x", 1), 1);
		child__wait_until_ready(&child);
		assert_false(has_slept(&watch, &child));
		wait_for_sleep(&watch, &child);
	}
	child__kill(&child);
	assert_false(has_slept(&watch, &child));
}

static void test_a_process_that_runs_now_and_then(void **state)
{
	(void)state;
	assert_is_seen(answer);
}

static void test_any_thread_of_it(void **state)
{
	(void)state;
	assert_is_seen(answer_beside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_process_that_runs_now_and_then),
		cmocka_unit_test(test_any_thread_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
