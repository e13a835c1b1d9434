/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation sites as metrics: of the few processes that are probed, those sites that hold back
 * most, or grow. Their number is bounded by both.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/host.h"

/* Returns 0 or -ENOMEM. */
int site_metrics__write(const struct host *host, bool open_metrics, FILE *out);
