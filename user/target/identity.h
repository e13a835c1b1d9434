/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A name for a process that survives its restart, unlike its pid: the program it runs, its user,
 * and its container or unit.
 */
#pragma once

#include "target/target.h"

/*
 * Each of these is kept as long as the process is watched, and is a label of many time series, but
 * the process chooses it. A longer one is truncated and ends in "...".
 */
#define IDENTITY_LABEL_BYTES_MAX 256

/* All of it is valid UTF-8. */
struct identity {
	char *app;  /* see identity__app() */
	char *user; /* its name, or number if it has none */
	char *unit; /* container or unit, see cgroup_label__of(); "" if none */
};

/* Returns 0 or -ENOMEM; the caller releases *out. */
int identity__find(struct identity *out, const struct target *target);
void identity__release(struct identity *identity);

/*
 * The program in a Python's command line: the name of the script, or of the module after -m; "-c"
 * for a command given as text; else the name of the executable. NULL if out of memory; the caller
 * frees.
 */
char *identity__app(char *const *cmdline, const char *comm);
