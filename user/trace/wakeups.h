/* SPDX-License-Identifier: BSD-2-Clause */
/* The events that a trace waits for, all at once. */
#pragma once

#include "probes/tracer.h"
#include "target/target.h"

/* In order of precedence. The trace ends on any event after WAKEUP_INTERVAL. */
enum wakeup {
	WAKEUP_FORK,
	WAKEUP_TICK, /* check the budget */
	WAKEUP_OVERRUN,
	WAKEUP_INTERVAL,
	WAKEUP_DURATION,
	WAKEUP_SIGNAL, /* SIGINT, SIGTERM, SIGHUP */
	WAKEUP_KEEPER, /* the process that held the probes was killed, so nothing is probed */
	WAKEUP_EXEC,
	WAKEUP_EXIT,
	WAKEUP_CNT,
};

struct wakeups {
	int epoll_fd, fds[WAKEUP_CNT];
};

/* Not open; safe to close. */
#define WAKEUPS_CLOSED                                                                             \
	(struct wakeups)                                                                           \
	{                                                                                          \
		.epoll_fd = -1, .fds = { -1, -1, -1, -1, -1, -1, -1, -1, -1 }                      \
	}

/*
 * Opens all of them and blocks the signals. @tracer and @target must outlive @wakeups. @duration_s
 * 0: no limit. Returns 0 or negative errno; the caller closes in any case.
 */
int wakeups__open(struct wakeups *wakeups, const struct tracer *tracer, const struct target *target,
		  double interval_s, double duration_s);
void wakeups__close(struct wakeups *wakeups);

/*
 * Takes the next event without waiting, the one with the highest precedence if there are several.
 * epoll_fd is readable if there is one. Returns 0, -EAGAIN if there is none, or another negative
 * errno.
 */
int wakeups__take(const struct wakeups *wakeups, enum wakeup *out);
