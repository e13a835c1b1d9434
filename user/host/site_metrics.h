/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation sites as metrics: of the few processes that are probed, the sites with the most
 * hostage bytes, then those that hold pools. Both numbers are limited, and so is that of the
 * series.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/host.h"

/* Returns 0 or -ENOMEM. */
int site_metrics__write(const struct host *host, bool open_metrics, FILE *out);
