/* SPDX-License-Identifier: BSD-2-Clause */
/* The Pythons of a host as JSON: one object of the schema pyfrag.processes/1 (docs/fleet.md). */
#pragma once

#include "host/host.h"

/* Returns text without a newline at the end, or NULL when out of memory. The caller frees it. */
char *host_json__write(const struct host *host);
