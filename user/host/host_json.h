/* SPDX-License-Identifier: BSD-2-Clause */
/* The Pythons of a host as JSON: one object, pyfrag.processes/1 (docs/fleet.md). */
#pragma once

#include "host/host.h"

/* Text, without a line's end; NULL without memory. The caller frees. */
char *host_json__write(const struct host *host);
