/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All Pythons of the host, at intervals: a line each, or with --json a report each.
 */
#pragma once

#include "cmd/options.h"

/* Returns 0, or negative errno after it has said why on stderr. */
int trace_all__run(const struct options *options);
