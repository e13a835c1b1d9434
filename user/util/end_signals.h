/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The signals that end a long-running command: SIGINT, SIGTERM and SIGHUP. A caller that uses
 * SIGHUP for something else can tell which one arrived.
 */
#pragma once

#include <stdbool.h>

/*
 * Blocks these signals in this thread and in those it starts later. Returns a file descriptor that
 * becomes readable (struct signalfd_siginfo) when one arrives, or negative errno. The caller closes
 * it.
 */
int end_signals__open(void);

/* Waits up to @ns nanoseconds for a signal. Returns the signal, or 0. */
int end_signals__wait(int fd, long ns);
