/* SPDX-License-Identifier: BSD-2-Clause */
/* The Pythons of a host as text: a line each, most hostage bytes first. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/host.h"

/*
 * With @hides_cmdlines a process is shown by its program's name alone. Returns 0, -ENOMEM, or
 * negative errno if @out did not take all of it.
 */
int host_table__write(const struct host *host, bool hides_cmdlines, FILE *out);
