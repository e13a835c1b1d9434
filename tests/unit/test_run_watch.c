// SPDX-License-Identifier: BSD-2-Clause
/* Whether threads have run since: threads by hand, and those of this process. */
#include "target/run_watch.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "target/live.h"
#include "unit_test.h"
#include "util/clock.h"

/* The threads that are ready now. */
static struct ready_thread threads[3];
static size_t thread_cnt;
static int ready_err;

static int read_threads(const struct target *target, struct ready_thread *out, size_t max,
			size_t *cnt)
{
	(void)target;
	assert_true(max >= thread_cnt);
	for (size_t i = 0; i < thread_cnt; i++)
		out[i] = threads[i];
	*cnt = thread_cnt;
	return ready_err;
}

static const struct target_ops fake_ops = {.ready_threads = read_threads};
static const struct target fake = {.ops = &fake_ops};

static void set_threads(uint64_t first_ran_ns, uint64_t second_ran_ns)
{
	threads[0] = (struct ready_thread){.id = 7, .ran_ns = first_ran_ns};
	threads[1] = (struct ready_thread){.id = 8, .ran_ns = second_ran_ns};
	thread_cnt = 2;
	ready_err = 0;
}

static void test_each_has_to_run(void **state)
{
	struct run_watch watch;

	(void)state;
	set_threads(5000000, 1000000);
	run_watch__begin(&watch, &fake);
	assert_false(run_watch__all_have_run(&watch, &fake));
	/* One has run, but not the other. */
	set_threads(9000000, 1000000);
	assert_false(run_watch__all_have_run(&watch, &fake));
	/* It has run for too short a time to have reached anything. */
	set_threads(9000000, 1100000);
	assert_false(run_watch__all_have_run(&watch, &fake));
	set_threads(9000000, 1200000);
	assert_true(run_watch__all_have_run(&watch, &fake));
}

static void test_sleep_and_end(void **state)
{
	struct run_watch watch;

	(void)state;
	set_threads(5000000, 1000000);
	run_watch__begin(&watch, &fake);
	/* The second one sleeps, or has ended. Even if it is ready again later, it has run. */
	thread_cnt = 1;
	assert_false(run_watch__all_have_run(&watch, &fake));
	set_threads(5000000, 1000000);
	assert_false(run_watch__all_have_run(&watch, &fake));
	thread_cnt = 0;
	assert_true(run_watch__all_have_run(&watch, &fake));
	/* A thread that became ready after the beginning is not watched. */
	run_watch__begin(&watch, &fake);
	set_threads(5000000, 1000000);
	assert_true(run_watch__all_have_run(&watch, &fake));
}

/* A copy of a process has no threads that run; some kernels do not tell their times. */
static void test_unknown(void **state)
{
	const struct target copy = {.ops = &(const struct target_ops){}};
	struct run_watch watch;

	(void)state;
	run_watch__begin(&watch, &copy);
	assert_true(run_watch__all_have_run(&watch, &copy));
	set_threads(5000000, 1000000);
	ready_err = -ENOENT;
	run_watch__begin(&watch, &fake);
	assert_true(run_watch__all_have_run(&watch, &fake));
}

static void *wait_for_word(void *context)
{
	uint64_t word;

	assert_int_equal(read(*(const int *)context, &word, sizeof(word)), sizeof(word));
	return NULL;
}

static void spin(uint64_t ns)
{
	uint64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

/* Of the threads of this process one runs, with the time that its own clock shows; one sleeps. */
static void test_own_threads(void **state)
{
	const struct target self = {.ops = &live_ops, .pid = getpid()};
	struct ready_thread ready[4];
	pthread_t sleeper;
	uint64_t before, word = 1;
	int fd = eventfd(0, EFD_CLOEXEC);
	size_t cnt = 99;

	(void)state;
	assert_int_equal(pthread_create(&sleeper, NULL, wait_for_word, &fd), 0);
	for (int i = 0; i < 10000 && cnt != 1; i++) {
		spin(100000);
		assert_int_equal(target__ready_threads(&self, ready, 4, &cnt), 0);
	}
	assert_int_equal(cnt, 1);
	assert_int_equal(ready[0].id, gettid());
	before = ready[0].ran_ns;
	spin(50000000);
	assert_int_equal(target__ready_threads(&self, ready, 4, &cnt), 0);
	assert_int_equal(cnt, 1);
	assert_true(ready[0].ran_ns > before);
	assert_true(ready[0].ran_ns <= clock_ns(CLOCK_THREAD_CPUTIME_ID));
	assert_int_equal(target__ready_threads(&self, ready, 0, &cnt), 0);
	assert_int_equal(cnt, 0);
	assert_int_equal(write(fd, &word, sizeof(word)), sizeof(word));
	pthread_join(sleeper, NULL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_has_to_run),
		cmocka_unit_test(test_sleep_and_end),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_own_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
