/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process is called that survives its restart: the program it runs, who runs it, and where.
 * Its number does not.
 */
#pragma once

#include "target/target.h"

/*
 * Each is kept for as long as the process is watched, and is a label of many series of metrics; the
 * process chooses it. A longer one ends in "...".
 */
#define IDENTITY_LABEL_BYTES_MAX 256

/* Valid UTF-8. */
struct identity {
	char *app;  /* as identity__app() */
	char *user; /* by name, or number if that has none */
	char *unit; /* its container or unit, as cgroup_label__of(); "" if it is in none */
};

/* Returns 0 or -ENOMEM; the caller releases. */
int identity__find(struct identity *out, const struct target *target);
void identity__release(struct identity *identity);

/*
 * The program of a Python's command line: the name of the script, of the module behind -m, "-c" for
 * a command given as text; else that of the executable. NULL without memory; the caller frees.
 */
char *identity__app(char *const *cmdline, const char *comm);
