/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics of pyfrag's own work: what it has found and read, and what that has cost. They have no
 * labels.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/host_metrics.h"

void own_metrics__write(const struct host *host, const struct host_metrics_extra *extra,
			bool open_metrics, FILE *out);
