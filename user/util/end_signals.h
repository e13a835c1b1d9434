/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The signals that a command which runs on ends at: SIGINT, SIGTERM and SIGHUP (who wants to do
 * something else at the last one sees which it was).
 */
#pragma once

#include <stdbool.h>

/*
 * Blocks them, for this thread and those it starts, and returns a file descriptor that is readable
 * (struct signalfd_siginfo) when one has come; the caller closes it. Or negative errno.
 */
int end_signals__open(void);

/* Waits for one, or until @ns have passed. Returns the signal, or 0. */
int end_signals__wait(int fd, long ns);
