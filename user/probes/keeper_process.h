/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper's own process (see keeper.h). It has nothing of pyfrag but a socket: no other
 * descriptors, no capabilities (a program that is loaded may be attached without), no signals but
 * SIGKILL.
 */
#pragma once

#include "probes/keeper.h"

/*
 * Serves KEEPER_OPEN requests on @socket_fd until it is closed. To be called after fork().
 * @confine: as keeper__start().
 */
_Noreturn void keeper_process__run(int socket_fd, keeper_confine_fn *confine);
