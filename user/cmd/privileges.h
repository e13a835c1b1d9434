/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a daemon that only reads other processes does without: all capabilities but those for that, and system calls that
 * change anything beyond itself. A target's memory cannot be written to any more, whatever goes wrong.
 */
#pragma once

#include <stdbool.h>

#include "util/failure.h"

/* What is wanted besides. */
struct privileges {
	bool commands; /* programs may be executed */
	bool probes;   /* BPF programs may be loaded, and attached */
};

/* Gives up everything else, for this thread and all that it will start. Errors are described. */
int privileges__drop(const struct privileges *wanted, struct failure *failure);
