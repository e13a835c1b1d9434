// SPDX-License-Identifier: BSD-2-Clause
/*
 * A child with several threads that count. Whether they are stopped is read from the kernel (the
 * state of each thread) and from the counters. Nothing here depends on how long something takes:
 * the test waits for what must happen, and an alarm ends a test that waits in vain.
 */
#include "target/live_pause.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define THREADS	     4
#define FLOOD	     1000 /* signals */
#define ALARM_S	     60
#define DAWDLE_TURNS 200

/* Memory shared by the child and the test. */
static struct shared {
	atomic_ulong counters[THREADS];
	atomic_ulong signals;
} * shared;

static void *count(void *counter)
{
	for (;;) {
		atomic_fetch_add((atomic_ulong *)counter, 1);
		sched_yield();
	}
	return NULL;
}

static void count_signal(int number)
{
	(void)number;
	atomic_fetch_add(&shared->signals, 1);
}

static int run_counters(void *argument)
{
	struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
	pthread_t thread;

	(void)argument;
	/* Lets any process trace this one, where Yama would restrict that to the parent. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGRTMIN, &action, NULL);
	for (size_t i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, count, &shared->counters[i]))
			return 1;
	count(&shared->counters[0]);
	return 0;
}

/* Waits until the counters of all threads have increased. */
static void wait_for_counters(void)
{
	unsigned long before[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		before[i] = atomic_load(&shared->counters[i]);
	for (size_t i = 0; i < THREADS; i++)
		while (atomic_load(&shared->counters[i]) == before[i])
			sched_yield();
}

static void start_counters(struct child *child)
{
	memset(shared, 0, sizeof(*shared));
	child__fork(child, run_counters, NULL);
	wait_for_counters();
}

/* Gives others time to do what they should not. */
static void dawdle(void)
{
	for (int i = 0; i < DAWDLE_TURNS; i++)
		sched_yield();
}

static void assert_counters_stand_still(void)
{
	unsigned long before[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		before[i] = atomic_load(&shared->counters[i]);
	dawdle();
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(atomic_load(&shared->counters[i]), before[i]);
}

/* The value of a line of /proc/PID/task/TID/status. */
static void read_status(pid_t pid, pid_t thread, const char *name, char value[64])
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, thread);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':') {
			snprintf(value, 64, "%.60s",
				 line + strlen(name) + 1 + strspn(line + strlen(name) + 1, " \t"));
			return;
		}
	fail_msg("no %s in %s", name, path);
}

static char state_of(pid_t pid, pid_t thread)
{
	char value[64];

	read_status(pid, thread, "State", value);
	return value[0];
}

static pid_t tracer_of(pid_t pid, pid_t thread)
{
	char value[64];

	read_status(pid, thread, "TracerPid", value);
	return (pid_t)strtol(value, NULL, 10);
}

/* The threads of @pid; returns their number. */
static size_t list_threads(pid_t pid, pid_t *threads, size_t max)
{
	struct dirent *entry;
	size_t cnt = 0;
	char path[32];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && cnt < max)
			threads[cnt++] = (pid_t)strtol(entry->d_name, NULL, 10);
	closedir(dir);
	return cnt;
}

static void assert_nobody_traces(pid_t pid)
{
	pid_t threads[2 * THREADS];
	size_t cnt = list_threads(pid, threads, ARRAY_SIZE(threads));

	for (size_t i = 0; i < cnt; i++)
		assert_int_equal(tracer_of(pid, threads[i]), 0);
}

static void test_all_threads_stand_still(void **state)
{
	pid_t threads[2 * THREADS];
	struct live_pause pause;
	struct child child;

	(void)state;
	start_counters(&child);
	for (int round = 0; round < 5; round++) {
		assert_int_equal(live_pause__begin(&pause, child.pid), 0);
		assert_int_equal(pause.thread_cnt, THREADS);
		assert_int_equal(list_threads(child.pid, threads, ARRAY_SIZE(threads)), THREADS);
		for (size_t i = 0; i < THREADS; i++) {
			assert_int_equal(state_of(child.pid, threads[i]), 't');
			assert_int_equal(tracer_of(child.pid, threads[i]), getpid());
		}
		assert_counters_stand_still();
		live_pause__end(&pause);
		assert_nobody_traces(child.pid);
		wait_for_counters();
	}
	child__kill(&child);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The measured duration lies between the times that the test took before and after. */
static void test_how_long_it_was(void **state)
{
	uint64_t before, begun, ending, told, after;
	struct live_pause pause;
	struct child child;

	(void)state;
	start_counters(&child);
	before = now_ns();
	assert_int_equal(live_pause__begin(&pause, child.pid), 0);
	begun = now_ns();
	dawdle();
	ending = now_ns();
	told = live_pause__end(&pause);
	after = now_ns();
	assert_true(told >= ending - begun);
	assert_true(told <= after - before);
	child__kill(&child);
}

static void test_signal_while_paused_comes_afterwards(void **state)
{
	struct live_pause pause;
	struct child child;
	char pending[64];

	(void)state;
	start_counters(&child);
	assert_int_equal(live_pause__begin(&pause, child.pid), 0);
	assert_int_equal(kill(child.pid, SIGUSR1), 0);
	dawdle();
	assert_int_equal(atomic_load(&shared->signals), 0);
	read_status(child.pid, child.pid, "ShdPnd", pending);
	assert_true(strtoull(pending, NULL, 16) >> (SIGUSR1 - 1) & 1);
	live_pause__end(&pause);
	while (!atomic_load(&shared->signals))
		sched_yield();
	wait_for_counters();
	assert_int_equal(atomic_load(&shared->signals), 1);
	child__kill(&child);
}

static int flood(void *argument)
{
	pid_t target = *(pid_t *)argument;

	for (int i = 0; i < FLOOD; i++)
		while (sigqueue(target, SIGRTMIN, (union sigval){})) {
			if (errno != EAGAIN)
				return 1;
			sched_yield();
		}
	return 0;
}

/*
 * A thread may stop for a signal before it stops for the pause: the tracer then holds that signal.
 * These are queued signals, which do not merge, so that each lost or repeated one is detected.
 */
static void test_no_signal_is_lost(void **state)
{
	struct child child, flooder;
	struct live_pause pause;
	size_t rounds = 0;
	siginfo_t info;

	(void)state;
	start_counters(&child);
	child__fork(&flooder, flood, &child.pid);
	do {
		assert_int_equal(live_pause__begin(&pause, child.pid), 0);
		live_pause__end(&pause);
		info.si_pid = 0;
		assert_int_equal(waitid(P_PID, (id_t)flooder.pid, &info,
					WEXITED | WNOHANG | WNOWAIT),
				 0);
	} while (!info.si_pid || ++rounds < 5);
	assert_int_equal(child__reap(&flooder), 0);
	while (atomic_load(&shared->signals) < FLOOD)
		sched_yield();
	wait_for_counters();
	child__kill(&child);
	assert_int_equal(atomic_load(&shared->signals), FLOOD);
}

static int echo(void *argument)
{
	char byte;

	(void)argument;
	if (read(STDIN_FILENO, &byte, 1) != 1)
		return 1;
	return write(STDOUT_FILENO, &byte, 1) == 1 ? 0 : 2;
}

static void test_who_waits_goes_on_waiting(void **state)
{
	struct live_pause pause;
	struct child child;
	char byte = 0;

	(void)state;
	child__fork(&child, echo, NULL);
	while (state_of(child.pid, child.pid) != 'S')
		sched_yield();
	assert_int_equal(live_pause__begin(&pause, child.pid), 0);
	assert_int_equal(pause.thread_cnt, 1);
	assert_int_equal(write(child.in, "x", 1), 1);
	dawdle();
	assert_int_equal(state_of(child.pid, child.pid), 't');
	live_pause__end(&pause);
	assert_int_equal(read(child.out, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(child__reap(&child), 0);
}

/* A process that somebody else stopped is not continued. */
static void test_stopped_process_stays_stopped(void **state)
{
	struct live_pause pause;
	struct child child;
	unsigned long before[THREADS];
	int status;

	(void)state;
	start_counters(&child);
	assert_int_equal(kill(child.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(child.pid, &status, WUNTRACED), child.pid);
	assert_true(WIFSTOPPED(status));
	for (size_t i = 0; i < THREADS; i++)
		before[i] = atomic_load(&shared->counters[i]);
	assert_int_equal(live_pause__begin(&pause, child.pid), 0);
	assert_int_equal(pause.thread_cnt, THREADS);
	live_pause__end(&pause);
	while (state_of(child.pid, child.pid) != 'T')
		sched_yield();
	assert_counters_stand_still();
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(atomic_load(&shared->counters[i]), before[i]);
	assert_int_equal(kill(child.pid, SIGCONT), 0);
	wait_for_counters();
	child__kill(&child);
}

static int trace_thread(void *argument)
{
	char byte;

	if (ptrace(PTRACE_SEIZE, *(pid_t *)argument, NULL, NULL) ||
	    write(STDOUT_FILENO, "", 1) != 1)
		return 1;
	return (int)read(STDIN_FILENO, &byte, 1);
}

/* One thread, the last, already has a debugger: then no thread is stopped. */
static void test_another_tracer(void **state)
{
	pid_t threads[2 * THREADS];
	struct child child, tracer;
	struct live_pause pause;

	(void)state;
	start_counters(&child);
	assert_int_equal(list_threads(child.pid, threads, ARRAY_SIZE(threads)), THREADS);
	child__fork(&tracer, trace_thread, &threads[THREADS - 1]);
	child__wait_until_ready(&tracer);
	assert_int_equal(live_pause__begin(&pause, child.pid), -EPERM);
	for (size_t i = 0; i + 1 < THREADS; i++)
		assert_int_equal(tracer_of(child.pid, threads[i]), 0);
	assert_int_equal(tracer_of(child.pid, threads[THREADS - 1]), tracer.pid);
	wait_for_counters();
	child__kill(&tracer);
	child__kill(&child);
}

static int pause_and_wait(void *argument)
{
	struct live_pause pause;
	char byte;

	if (live_pause__begin(&pause, *(pid_t *)argument) || write(STDOUT_FILENO, "", 1) != 1)
		return 1;
	return (int)read(STDIN_FILENO, &byte, 1);
}

static void test_our_death_lets_it_run(void **state)
{
	struct child child, pauser;

	(void)state;
	start_counters(&child);
	child__fork(&pauser, pause_and_wait, &child.pid);
	child__wait_until_ready(&pauser);
	assert_counters_stand_still();
	child__kill(&pauser);
	wait_for_counters();
	assert_nobody_traces(child.pid);
	child__kill(&child);
}

static void test_no_such_process(void **state)
{
	struct live_pause pause;
	struct child child;
	pid_t gone;

	(void)state;
	assert_int_equal(live_pause__begin(&pause, INT_MAX), -ESRCH);
	start_counters(&child);
	gone = child.pid;
	child__kill(&child);
	assert_int_equal(live_pause__begin(&pause, gone), -ESRCH);
}

static int pause_as_nobody(void *argument)
{
	struct live_pause pause;

	return child__drop_rights() ? 0 : -live_pause__begin(&pause, *(pid_t *)argument);
}

static void test_not_allowed(void **state)
{
	struct child child;

	(void)state;
	child__skip_unless_root("becoming another user");
	start_counters(&child);
	assert_int_equal(child__run(pause_as_nobody, &child.pid), EPERM);
	assert_nobody_traces(child.pid);
	wait_for_counters();
	child__kill(&child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_threads_stand_still),
		cmocka_unit_test(test_how_long_it_was),
		cmocka_unit_test(test_signal_while_paused_comes_afterwards),
		cmocka_unit_test(test_no_signal_is_lost),
		cmocka_unit_test(test_who_waits_goes_on_waiting),
		cmocka_unit_test(test_stopped_process_stays_stopped),
		cmocka_unit_test(test_another_tracer),
		cmocka_unit_test(test_our_death_lets_it_run),
		cmocka_unit_test(test_no_such_process),
		cmocka_unit_test(test_not_allowed),
	};

	alarm(ALARM_S);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
