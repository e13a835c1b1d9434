// SPDX-License-Identifier: BSD-2-Clause
#include "util/second_signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/*
 * Signals that belong together arrive within this time, such as SIGHUP and SIGTERM at the end of a
 * session.
 */
#define APART_NS 1000000000UL

static void fill(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
}

static void *take_signals(void *argument)
{
	_cleanup_close_ int fd = (int)(intptr_t)argument;
	const uint64_t one = 1;
	uint64_t first_ns = 0;
	sigset_t signals;
	int number;

	fill(&signals);
	for (;;) {
		if (sigwait(&signals, &number))
			continue;
		if (first_ns && clock_ns(CLOCK_MONOTONIC) - first_ns > APART_NS) {
			log_error("second signal: stopped without a last report");
			_exit(EXIT_FAILURE);
		}
		if (first_ns)
			continue;
		first_ns = clock_ns(CLOCK_MONOTONIC);
		while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
	}
}

int second_signal__open(void)
{
	_cleanup_close_ int fd = eventfd(0, EFD_CLOEXEC), for_thread = dup(fd);
	sigset_t signals;
	pthread_t thread;
	int err;

	if (fd < 0 || for_thread < 0)
		return -errno;
	fill(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	err = pthread_create(&thread, NULL, take_signals, (void *)(intptr_t)for_thread);
	if (err)
		return -err;
	pthread_detach(thread);
	for_thread = -1;
	return TAKE_FD(fd);
}
