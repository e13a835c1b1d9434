// SPDX-License-Identifier: BSD-2-Clause
#include "probes/target_life.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "util/cleanup.h"

/* The time from a fork until the probes are removed from all children forked since. */
#define FORK_DELAY_NS 500000000

int target_life__init(struct target_life *life)
{
	*life = (struct target_life){
		.exec_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.fork_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
	};
	return life->exec_fd < 0 || life->fork_fd < 0 ? -errno : 0;
}

void target_life__release(struct target_life *life)
{
	closep(&life->exec_fd);
	closep(&life->fork_fd);
}

void target_life__note_exec(struct target_life *life)
{
	life->execed = true;
	eventfd_write(life->exec_fd, 1);
}

void target_life__note_fork(struct target_life *life)
{
	const struct itimerspec delay = {.it_value.tv_nsec = FORK_DELAY_NS};

	life->fork_cnt++;
	if (!life->fork_timer_runs)
		life->fork_timer_runs = !timerfd_settime(life->fork_fd, 0, &delay, NULL);
}

void target_life__rearm(struct target_life *life)
{
	life->fork_timer_runs = false;
}

int target_life__clear_forks(const struct target_life *life)
{
	uint64_t expirations;

	return read(life->fork_fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN
		       ? -errno
		       : 0;
}
