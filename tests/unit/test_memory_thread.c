// SPDX-License-Identifier: BSD-2-Clause
/* A child whose threads end one by one, the first one first. */
#include "target/memory_thread.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"
#include "target/live.h"
#include "target/live_activity.h"
#include "target/live_pages.h"
#include "target/live_pause.h"
#include "target/mapped_file.h"
#include "unit_test.h"
#include "util/cleanup.h"

static volatile uint64_t marker = 1;

static void *wait_for_byte(void *argument)
{
	char byte;

	(void)argument;
	if (read(STDIN_FILENO, &byte, 1) != 1)
		_exit(1);
	return NULL;
}

/* Two threads continue, each until it has read a byte. */
static int end_first_thread(void *argument)
{
	pthread_t threads[2];

	(void)argument;
	marker = 0x6d61726b6572;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		if (pthread_create(&threads[i], NULL, wait_for_byte, NULL))
			return 1;
	if (write(STDOUT_FILENO, "r", 1) != 1)
		return 1;
	syscall(SYS_exit, 0);
	return 1;
}

static void start_headless(struct child *child)
{
	child__fork(child, end_first_thread, NULL);
	child__wait_until_ready(child);
	while (!live_activity__first_thread_has_ended(child->pid))
		usleep(1000);
}

/* Lets one of the threads continue, and waits until it has ended. */
static void end_a_thread(const struct child *child, pid_t *threads)
{
	assert_int_equal(write(child->in, "e", 1), 1);
	while (memory_thread__belongs(child->pid, threads[0]) &&
	       memory_thread__belongs(child->pid, threads[1]))
		usleep(1000);
}

static void find_threads(pid_t pid, pid_t *threads)
{
	_cleanup_closedir_ DIR *directory = NULL;
	const struct dirent *entry;
	char path[64];
	size_t cnt = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	directory = opendir(path);
	assert_non_null(directory);
	while ((entry = readdir(directory))) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread && thread != pid) {
			assert_true(cnt < 2);
			threads[cnt++] = thread;
		}
	}
	assert_int_equal(cnt, 2);
}

static struct target *open_process(pid_t pid)
{
	struct target *target = NULL;
	struct failure failure;

	if (live__open(&target, pid, &failure))
		fail_msg("%s", failure.text);
	return target;
}

static void assert_reads_marker(const struct target *target)
{
	uint64_t word = 0;

	assert_int_equal(memory__read(target->memory, (uint64_t)(uintptr_t)&marker, &word,
				      sizeof(word)),
			 0);
	assert_int_equal(word, 0x6d61726b6572);
}

static void test_first_thread_that_lives(void **state)
{
	(void)state;
	assert_int_equal(memory_thread__of(getpid()), getpid());
	assert_string_equal(memory_thread__entry(getpid(), "maps").name, "maps");
	assert_true(memory_thread__belongs(getpid(), getpid()));
	assert_false(memory_thread__belongs(getpid(), getppid()));
	assert_false(live_activity__first_thread_has_ended(getpid()));
}

static void test_is_as_any_process(void **state)
{
	_cleanup_(target__freep) struct target *own = open_process(getpid()), *target = NULL;
	const struct mapping *code;
	struct mapped_file file, own_file;
	struct child child;
	struct live_pause pause;

	(void)state;
	start_headless(&child);
	assert_int_not_equal(memory_thread__of(child.pid), child.pid);
	target = open_process(child.pid);
	assert_true(target__is_alive(target));
	assert_string_equal(target->exe, own->exe);
	assert_string_equal(target->cmdline[0], own->cmdline[0]);
	assert_string_equal(target->comm, own->comm);
	assert_string_equal(target->cgroup, own->cgroup);
	assert_true(target->owner == own->owner);
	assert_reads_marker(target);
	code = target__find_mapping(target, (uint64_t)(uintptr_t)test_is_as_any_process);
	assert_non_null(code);
	assert_int_equal(mapped_file__find(&file, target, code), 0);
	assert_int_equal(mapped_file__find(&own_file, own, code), 0);
	assert_memory_equal(&file.identity, &own_file.identity, sizeof(file.identity));
	mapped_file__release(&file);
	mapped_file__release(&own_file);
	/* Its two threads are stopped, and continue. */
	assert_int_equal(live_pause__begin(&pause, child.pid), 0);
	assert_int_equal(pause.thread_cnt, 2);
	live_pause__end(&pause);
	child__kill(&child);
}

static void test_resident_pages(void **state)
{
	struct resident_range range = {.address = (uint64_t)(uintptr_t)&marker & ~4095UL,
				       .size = 4096};
	struct child child;

	(void)state;
	start_headless(&child);
	assert_int_equal(live_pages__measure(child.pid, &range, 1), 0);
	assert_int_equal(range.resident_bytes, 4096);
	child__kill(&child);
}

static void test_threads_that_end_one_by_one(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	struct failure failure;
	struct child child;
	pid_t threads[2];
	uint64_t word;

	(void)state;
	start_headless(&child);
	find_threads(child.pid, threads);
	target = open_process(child.pid);
	for (int round = 0; round < 2; round++) {
		assert_reads_marker(target);
		assert_int_equal(target__reload_maps(target, &failure), 0);
		assert_true(target->map_cnt > 0);
		if (!round)
			end_a_thread(&child, threads);
	}
	assert_true(target__is_alive(target));
	assert_int_equal(write(child.in, "e", 1), 1);
	while (target__is_alive(target))
		usleep(1000);
	assert_int_equal(memory_thread__of(child.pid), child.pid);
	assert_int_equal(memory__read(target->memory, (uint64_t)(uintptr_t)&marker, &word,
				      sizeof(word)),
			 -ESRCH);
	child__reap(&child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_thread_that_lives),
		cmocka_unit_test(test_is_as_any_process),
		cmocka_unit_test(test_resident_pages),
		cmocka_unit_test(test_threads_that_end_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
