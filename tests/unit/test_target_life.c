// SPDX-License-Identifier: BSD-2-Clause
/*
 * The file descriptors that a trace polls: they become readable when the target has executed
 * another program, and a while after it has forked, once for all forks until then.
 */
#include "probes/target_life.h"

#include <poll.h>

#include "unit_test.h"

static bool is_readable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, timeout_ms) > 0;
}

static void test_exec(void **state)
{
	struct target_life life;

	(void)state;
	assert_int_equal(target_life__init(&life), 0);
	assert_false(life.execed);
	assert_false(is_readable(life.exec_fd, 0));
	target_life__note_exec(&life);
	assert_true(life.execed);
	assert_true(is_readable(life.exec_fd, 0));
	target_life__release(&life);
}

static void test_forks(void **state)
{
	struct target_life life;

	(void)state;
	assert_int_equal(target_life__init(&life), 0);
	for (int i = 0; i < 3; i++)
		target_life__note_fork(&life);
	assert_int_equal(life.fork_cnt, 3);
	assert_true(is_readable(life.fork_fd, -1));
	/* Forks from here on count for the next time. */
	target_life__rearm(&life);
	assert_int_equal(target_life__clear_forks(&life), 0);
	assert_false(is_readable(life.fork_fd, 0));
	assert_int_equal(target_life__clear_forks(&life), 0);
	target_life__note_fork(&life);
	assert_true(life.fork_timer_runs);
	target_life__release(&life);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_forks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
