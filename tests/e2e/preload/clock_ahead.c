// SPDX-License-Identifier: BSD-2-Clause
/*
 * Preloaded, so that a test need not wait: in one process CLOCK_MONOTONIC is ahead by some seconds.
 * Which process, and by how much, is in the file that CLOCK_AHEAD names, and may change at any
 * time. Only what asks for the time is affected, not what sleeps until then.
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
/* Not asked for each time: that may be forbidden. */
static pid_t own_pid;

static void note_pid(void)
{
	own_pid = getpid();
}

/* Before anything is confined. Other libraries' constructors may ask for the time before that. */
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
