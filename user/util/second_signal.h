/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends a command that does not react to a signal. A target can block whoever reads its memory
 * forever (userfaultfd, or a file system that does not respond), and a blocked thread notices
 * nothing but its death. So the first signal asks the command to end, and a second one, at least a
 * second later, ends it immediately, without a last report. The keeper then removes the probes.
 */
#pragma once

/*
 * Blocks SIGINT, SIGTERM and SIGHUP in this thread and those that it starts, and starts a thread
 * that handles them. Returns a descriptor that is readable after the first signal, which the caller
 * closes; or negative errno. Call it once per process.
 */
int second_signal__open(void);
