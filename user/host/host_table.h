/* SPDX-License-Identifier: BSD-2-Clause */
/* The Pythons of a host as a table, one line each, sorted by hostage bytes, largest first. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/host.h"

/*
 * If @hides_cmdlines, processes are shown by their program's name only. Returns 0, -ENOMEM, or
 * another negative errno if writing to @out failed.
 */
int host_table__write(const struct host *host, bool hides_cmdlines, FILE *out);
