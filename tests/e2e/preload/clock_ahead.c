// SPDX-License-Identifier: BSD-2-Clause
/*
 * A preloaded library that saves tests from waiting: in one process, CLOCK_MONOTONIC runs ahead by
 * some seconds. The file that the environment variable CLOCK_AHEAD names says which process and by
 * how much; it may change at any time. Only reads of the clock are affected, not sleeps.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile struct {
	int64_t pid, seconds;
} * ahead;
static int (*real_clock_gettime)(clockid_t clock, struct timespec *now);
/* Cached, because a confined process may be forbidden to ask for its pid. */
static pid_t own_pid;

static void note_pid(void)
{
	own_pid = getpid();
}

/*
 * Runs before the process is confined. Other libraries' constructors may read the clock before this
 * runs.
 */
__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("CLOCK_AHEAD");
	int fd;

	if (real_clock_gettime)
		return;
	fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ahead = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);
	real_clock_gettime =
		(int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	if (ahead == MAP_FAILED || !real_clock_gettime || pthread_atfork(NULL, NULL, note_pid)) {
		fputs("clock_ahead: CLOCK_AHEAD names no file\n", stderr);
		_exit(1);
	}
	close(fd);
	note_pid();
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int err;

	begin();
	err = real_clock_gettime(clock, now);

	if (!err && clock == CLOCK_MONOTONIC && ahead->pid == own_pid)
		now->tv_sec += ahead->seconds;
	return err;
}
