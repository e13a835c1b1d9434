/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hit of a probe costs the target, on this machine and kernel: measured by probing
 * ourselves, never assumed. An instruction that the kernel emulates costs one trap; any other is
 * single-stepped, which is another one, and ten times as much where traps are intercepted.
 */
#pragma once

#include <stdbool.h>

#include "probes/features.h"
#include "util/failure.h"

struct hit_cost {
	double emulated_ns, stepped_ns; /* a hit, with all that our program does at it */
};

/* Measures; takes some milliseconds. Errors are described. */
int hit_cost__measure(struct hit_cost *out, const struct features *features,
		      struct failure *failure);
