/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper's own process (see keeper.h). It has nothing of pyfrag but a socket: no other
 * descriptors, and no capabilities except those for perf events if it opens them (attaching a
 * loaded program takes none). It blocks all signals; only SIGKILL ends it.
 */
#pragma once

#include <stdbool.h>

/*
 * Restricts the calling process further than its capabilities do. @opens_events: it opens perf
 * events. Returns 0 or negative errno.
 */
typedef int keeper_confine_fn(bool opens_events);

/*
 * Serves KEEPER_OPEN requests on @socket_fd until it is closed. Call it in a forked process.
 * @opens_events: it opens perf events. @confine: as for keeper__start().
 */
_Noreturn void keeper_process__run(int socket_fd, bool opens_events, keeper_confine_fn *confine);
