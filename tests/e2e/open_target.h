/* SPDX-License-Identifier: BSD-2-Clause */
/* For programs of the tests that look at a process, which need not run Python. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "target/live.h"

/*
 * Opens the process whose pid is the only argument, and reads its maps. Returns the exit status if
 * that fails, and 0 otherwise; then the caller frees *out.
 */
static inline int open_target(struct target **out, int argc, char **argv)
{
	struct failure failure;

	if (argc != 2)
		return 2;
	if (!live__open(out, atoi(argv[1]), &failure) && !target__reload_maps(*out, &failure))
		return 0;
	fprintf(stderr, "%s\n", failure.text);
	return 1;
}
