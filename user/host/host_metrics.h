/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Pythons of a host as metrics. Processes that run the same program, for the same user in the
 * same unit, by the same version of Python, are one series: so series survive restarts, and there
 * are not more than programs.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/host.h"
#include "host/own_metrics.h"

/* Returns 0 or -ENOMEM. */
int host_metrics__write(const struct host *host, const struct host_metrics_extra *extra,
			bool open_metrics, FILE *out);
