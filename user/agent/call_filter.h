/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which system calls a process of the agent may make, from then on, in all threads. Each has a list
 * of what it takes; all else fails with EPERM, and the kernel's log says what that was (audit, type
 * 1326; its number is the call's).
 *
 * Where one call does many things its arguments decide. Files are opened by openat() and for
 * reading only: flags that write, create or truncate are not there. openat2() and clone3() have
 * their flags in memory, where no filter can look: the first is for the broker only; the second is
 * said not to exist, so that the C library uses clone().
 */
#pragma once

#include <stdbool.h>

#include "util/failure.h"

/*
 * For the process that reads heaps. @probes: it loads and attaches BPF programs, and starts the
 * process that holds them. Errors are described, also of the following.
 */
int call_filter__for_reader(bool probes, struct failure *failure);

/*
 * For the one that holds probes (see probes/keeper.h): it attaches, and forks itself.
 * @opens_events: it opens perf events.
 */
int call_filter__for_keeper(bool opens_events, struct failure *failure);

/* For the one that opens files in a target's tree. */
int call_filter__for_broker(struct failure *failure);

/* For the one that asks directory services for names. */
int call_filter__for_namer(struct failure *failure);

/* For the one that answers requests. @connects: it connects to others as well. */
int call_filter__for_server(bool connects, struct failure *failure);

/*
 * For the one that runs the administrator's commands: they do what programs do, and so this is a
 * list of what is refused, which is what takes privileges.
 */
int call_filter__for_runner(struct failure *failure);
