/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seccomp filters for the processes of the agent. Each function installs a filter in all threads of
 * the calling process; it cannot be removed. A filter lists the system calls that the process
 * needs. Any other call fails with EPERM, and the kernel logs its number (audit record of type
 * 1326).
 *
 * For a call that can do many things, the filter checks the arguments. openat() is allowed for
 * reading only, without flags that write, create or truncate. openat2() and clone3() take their
 * flags from memory, which a filter cannot read: openat2() is allowed for the broker only, and
 * clone3() fails with ENOSYS, so that the C library falls back to clone().
 */
#pragma once

#include <stdbool.h>

#include "util/failure.h"

/*
 * For the reader. @probes: it also loads and attaches BPF programs, and starts the keeper, which
 * holds them. Errors are described, by this function and by those below.
 */
int call_filter__for_reader(bool probes, struct failure *failure);

/*
 * For the keeper (see probes/keeper.h), which attaches programs and forks. @opens_events: it opens
 * perf events.
 */
int call_filter__for_keeper(bool opens_events, struct failure *failure);

/* For the broker, which opens files in a target's tree. */
int call_filter__for_broker(struct failure *failure);

/* For the namer, which asks directory services for names. */
int call_filter__for_namer(struct failure *failure);

/* For the server, which answers requests. @connects: it also connects to other hosts. */
int call_filter__for_server(bool connects, struct failure *failure);

/*
 * For the runner, which runs the administrator's commands. These may do what programs usually do,
 * so this filter lists what is refused instead: the calls that need privileges.
 */
int call_filter__for_runner(struct failure *failure);
