/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All Python processes of the host, at intervals: one line each or, with --json, one report each.
 */
#pragma once

#include "cmd/options.h"

/* Returns 0; negative errno after logging why on stderr; or another exit status above 1. */
int trace_all__run(const struct options *options);
