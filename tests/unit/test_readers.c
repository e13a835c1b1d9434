// SPDX-License-Identifier: BSD-2-Clause
/* Jobs that end when the test says so. */
#include "host/readers.h"

#include <errno.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>

#include "unit_test.h"
#include "util/sleep.h"

#define LONG_NS	 (60 * 1000000000UL)
#define SHORT_NS 1000000UL

struct test_job {
	struct reader_job job;
	sem_t may_end;
	bool was_run;
};

static void run(struct reader_job *base)
{
	struct test_job *job = (struct test_job *)base;

	while (sem_wait(&job->may_end))
		;
	job->was_run = true;
}

static struct test_job *new_job(bool may_end)
{
	struct test_job *job = calloc(1, sizeof(*job));

	assert_non_null(job);
	job->job.run = run;
	sem_init(&job->may_end, 0, may_end);
	return job;
}

static struct reader_job *wait_for_late(struct readers *readers)
{
	for (;;) {
		struct reader_job *job = readers__take_late(readers);

		if (job)
			return job;
		sleep_ns(100000);
	}
}

static void test_jobs_are_done_in_turn(void **state)
{
	struct readers *readers;

	(void)state;
	assert_int_equal(readers__new(&readers), 0);
	for (int i = 0; i < 100; i++) {
		struct test_job *job = new_job(true);

		assert_int_equal(readers__run(readers, &job->job, LONG_NS), 0);
		assert_true(job->was_run);
		free(job);
	}
	assert_null(readers__take_late(readers));
	assert_int_equal(readers__free(readers), 0);
}

static void test_one_that_hangs_keeps_nobody_waiting(void **state)
{
	struct test_job *late = new_job(false), *job = new_job(true);
	struct readers *readers;

	(void)state;
	assert_int_equal(readers__new(&readers), 0);
	assert_int_equal(readers__run(readers, &late->job, SHORT_NS), -EINPROGRESS);
	assert_int_equal(readers__late_cnt(readers), 1);
	assert_int_equal(readers__run(readers, &job->job, LONG_NS), 0);
	assert_null(readers__take_late(readers));
	sem_post(&late->may_end);
	assert_ptr_equal(wait_for_late(readers), &late->job);
	assert_true(late->was_run);
	assert_int_equal(readers__late_cnt(readers), 0);
	assert_int_equal(readers__free(readers), 0);
	free(late);
	free(job);
}

static void test_no_more_than_so_many_may_hang(void **state)
{
	struct test_job *late[READERS_LATE_MAX], *job = new_job(true);
	struct readers *readers;

	(void)state;
	assert_int_equal(readers__new(&readers), 0);
	for (int i = 0; i < READERS_LATE_MAX; i++) {
		late[i] = new_job(false);
		assert_int_equal(readers__run(readers, &late[i]->job, SHORT_NS), -EINPROGRESS);
	}
	assert_int_equal(readers__run(readers, &job->job, LONG_NS), -EBUSY);
	assert_false(job->was_run);
	sem_post(&late[3]->may_end);
	assert_ptr_equal(wait_for_late(readers), &late[3]->job);
	assert_int_equal(readers__run(readers, &job->job, LONG_NS), 0);
	for (int i = 0; i < READERS_LATE_MAX; i++)
		if (i != 3)
			sem_post(&late[i]->may_end);
	for (int i = 1; i < READERS_LATE_MAX; i++)
		wait_for_late(readers);
	for (int i = 0; i < READERS_LATE_MAX; i++)
		free(late[i]);
	free(job);
	assert_int_equal(readers__free(readers), 0);
}

/* The owner is freed first; the last thread frees the rest. */
static void test_the_owner_may_go_first(void **state)
{
	static struct test_job late = {.job.run = run};
	struct readers *readers;

	(void)state;
	sem_init(&late.may_end, 0, 0);
	assert_int_equal(readers__new(&readers), 0);
	assert_int_equal(readers__run(readers, &late.job, SHORT_NS), -EINPROGRESS);
	assert_int_equal(readers__free(readers), 1);
	sem_post(&late.may_end);
	sleep_ns(20000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs_are_done_in_turn),
		cmocka_unit_test(test_one_that_hangs_keeps_nobody_waiting),
		cmocka_unit_test(test_no_more_than_so_many_may_hang),
		cmocka_unit_test(test_the_owner_may_go_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
