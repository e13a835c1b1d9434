/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a host finds Pythons: it looks at each process that may be one. It finds the owner of the
 * process first, by a job of its own where that may take long, as users who have had their share of
 * time have to wait.
 */
#pragma once

#include "host/host_state.h"

/* Looks at the candidates that are due at @now_ns, as far as time and budget go. */
void host_looks__take(struct host *host, uint64_t now_ns);

/* Whether there is time for one more job, by host->work_until_ns, and a reader for it. */
bool host_looks__may_go_on(const struct host *host);
