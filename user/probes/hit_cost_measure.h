/* SPDX-License-Identifier: BSD-2-Clause */
/* Measures what a probe hit costs, by probing ourselves. */
#pragma once

#include "probes/features.h"
#include "probes/hit_cost.h"
#include "util/failure.h"

/* Takes some milliseconds. Errors are described in @failure. */
int hit_cost__measure(struct hit_cost *out, const struct features *features,
		      struct failure *failure);
