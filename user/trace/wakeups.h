/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a trace waits for, all at once.
 */
#pragma once

#include "probes/tracer.h"
#include "target/target.h"

/* The more final, the greater. Beyond WAKEUP_INTERVAL the trace ends. */
enum wakeup {
	WAKEUP_FORK,
	WAKEUP_TICK, /* the budget is to be looked at */
	WAKEUP_OVERRUN,
	WAKEUP_INTERVAL,
	WAKEUP_DURATION,
	WAKEUP_SIGNAL, /* SIGINT, SIGTERM, SIGHUP */
	WAKEUP_KEEPER, /* nothing is probed any more: the process that held the probes was killed */
	WAKEUP_EXEC,
	WAKEUP_EXIT,
	WAKEUP_CNT,
};

struct wakeups {
	int epoll_fd, fds[WAKEUP_CNT];
};

/* Not open, and safe to close. */
#define WAKEUPS_CLOSED                                                                             \
	(struct wakeups)                                                                           \
	{                                                                                          \
		.epoll_fd = -1, .fds = { -1, -1, -1, -1, -1, -1, -1, -1, -1 }                      \
	}

/*
 * Opens all of them; the signals are blocked from here on. @tracer and @target must outlive them.
 * @duration_s 0: no end. Returns 0 or negative errno; the caller closes in any case.
 */
int wakeups__open(struct wakeups *wakeups, const struct tracer *tracer, const struct target *target,
		  double interval_s, double duration_s);
void wakeups__close(struct wakeups *wakeups);

/*
 * Takes the next thing to do, the most final one if there are several, without waiting: epoll_fd is
 * readable when there is one. Returns 0, -EAGAIN if there is none, or another negative errno.
 */
int wakeups__take(const struct wakeups *wakeups, enum wakeup *out);
