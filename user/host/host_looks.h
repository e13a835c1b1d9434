/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a host finds Pythons: it looks at each process that may be one. The owner of a process is
 * found first, because users who are over their share of time have to wait; where this may take
 * long, it is a job of its own.
 */
#pragma once

#include "host/host_state.h"

/* Looks at the candidates that are due at @now_ns, as far as time and budget allow. */
void host_looks__take(struct host *host, uint64_t now_ns);

/* Whether there is time for another job before host->work_until_ns, and a reader for it. */
bool host_looks__may_go_on(const struct host *host);
