/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Pythons of a host as metrics. Processes that run the same program, for the same user, in the
 * same unit and with the same version of Python share one series. Series therefore survive
 * restarts, and there are no more than programs.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/host.h"
#include "host/own_metrics.h"

/* Returns 0 or -ENOMEM. */
int host_metrics__write(const struct host *host, const struct host_metrics_extra *extra,
			bool open_metrics, FILE *out);
