/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper's own process (see keeper.h). It has nothing of pyfrag but a socket: no other
 * descriptors, no capabilities (a program that is loaded may be attached without) but what perf
 * events take where it opens them, no signals but SIGKILL.
 */
#pragma once

#include <stdbool.h>

/*
 * Restricts the calling process further than its capabilities do. @opens_events: it opens perf
 * events. Returns 0 or negative errno.
 */
typedef int keeper_confine_fn(bool opens_events);

/*
 * Serves KEEPER_OPEN requests on @socket_fd until it is closed. To be called after fork().
 * @opens_events, @confine: as keeper__start().
 */
_Noreturn void keeper_process__run(int socket_fd, bool opens_events, keeper_confine_fn *confine);
