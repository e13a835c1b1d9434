/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target can make whoever reads its memory wait for ever (userfaultfd, or a file system that does
 * not answer), and a thread that waits so notices nothing but its end. So a first signal asks a
 * command to end, and a second one, a second or more after it, ends it at once: no last report is
 * made. What is still probed is taken out by the keeper.
 */
#pragma once

/*
 * Blocks SIGINT, SIGTERM and SIGHUP, for this thread and those it starts, and starts a thread that
 * takes them. Returns a descriptor that is readable from the first one on, which the caller closes;
 * or negative errno. Once in a process.
 */
int second_signal__open(void);
