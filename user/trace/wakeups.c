// SPDX-License-Identifier: BSD-2-Clause
#include "trace/wakeups.h"

#include <errno.h>
#include <math.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/second_signal.h"

/* How often to check the budget. */
#define TICK_S 0.2

static int new_timer(double seconds, bool repeat)
{
	struct timespec time = {.tv_sec = (time_t)seconds,
				.tv_nsec = (long)(fmod(seconds, 1) * 1e9)};
	struct itimerspec setting = {.it_value = time};
	_cleanup_close_ int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (repeat)
		setting.it_interval = time;
	if (fd < 0 || (seconds > 0 && timerfd_settime(fd, 0, &setting, NULL)))
		return -errno;
	return TAKE_FD(fd);
}

int wakeups__open(struct wakeups *wakeups, const struct tracer *tracer, const struct target *target,
		  double interval_s, double duration_s)
{
	bool has_budget = tracer__overrun_fd(tracer) >= 0;

	wakeups->fds[WAKEUP_FORK] = tracer__fork_fd(tracer);
	wakeups->fds[WAKEUP_TICK] = new_timer(has_budget ? TICK_S : 0, true);
	wakeups->fds[WAKEUP_OVERRUN] = tracer__overrun_fd(tracer);
	wakeups->fds[WAKEUP_SIGNAL] = second_signal__open();
	wakeups->fds[WAKEUP_INTERVAL] = new_timer(interval_s, true);
	wakeups->fds[WAKEUP_DURATION] = new_timer(duration_s, false);
	wakeups->fds[WAKEUP_KEEPER] = tracer__keeper_fd(tracer);
	wakeups->fds[WAKEUP_EXEC] = tracer__exec_fd(tracer);
	wakeups->fds[WAKEUP_EXIT] = target__exit_fd(target);
	wakeups->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (wakeups->epoll_fd < 0)
		return -errno;
	for (uint32_t i = 0; i < WAKEUP_CNT; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

		if (i == WAKEUP_OVERRUN && !has_budget)
			continue;
		if (wakeups->fds[i] < 0)
			return wakeups->fds[i];
		if (epoll_ctl(wakeups->epoll_fd, EPOLL_CTL_ADD, wakeups->fds[i], &event))
			return -errno;
	}
	return 0;
}

void wakeups__close(struct wakeups *wakeups)
{
	closep(&wakeups->epoll_fd);
	for (int i = 0; i < WAKEUP_CNT; i++)
		if (i != WAKEUP_FORK && i != WAKEUP_OVERRUN && i < WAKEUP_KEEPER)
			closep(&wakeups->fds[i]); /* the tracer and the target own the others */
}

int wakeups__take(const struct wakeups *wakeups, enum wakeup *out)
{
	struct epoll_event events[WAKEUP_CNT];
	uint64_t expirations;
	int cnt;

	do
		cnt = epoll_wait(wakeups->epoll_fd, events, WAKEUP_CNT, 0);
	while (cnt < 0 && errno == EINTR);
	if (cnt < 0)
		return -errno;
	if (!cnt)
		return -EAGAIN;
	*out = (enum wakeup)0;
	for (int i = 0; i < cnt; i++)
		if (events[i].data.u32 > (uint32_t)*out)
			*out = (enum wakeup)events[i].data.u32;
	if ((*out == WAKEUP_INTERVAL || *out == WAKEUP_TICK) &&
	    read(wakeups->fds[*out], &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return -errno;
	return 0;
}
