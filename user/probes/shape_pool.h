/* SPDX-License-Identifier: BSD-2-Clause */
/* The shapes of a pool that is taken, or given back. Private to shape*.c. */
#pragma once

#include "probes/shape_scan.h"

/* Looks at @insn before it takes effect: 32 bits of [P] = 1, after P was linked? [A+24] = P? */
void shape_pool__observe(struct shape_scan *scan, const struct insn *insn);

/* Whether @insn may be where the class of a new pool is set. */
bool shape_pool__stores_class(const struct insn *insn);

/*
 * A new pool is probed before its class is set, when both the old class (in memory) and the new one
 * (in a register) can be seen. Returns 1 if placed, 0 if @insn is not the place, or negative.
 */
int shape_pool__place(struct shape_scan *scan, const struct insn *insn,
		      const struct pending *pending);

/*
 * The same where the code runs into what others jump to, at @index: there is no instruction of its
 * own behind the one that sets the count, so that is probed, just before it takes effect.
 */
int shape_pool__place_at_start(struct shape_scan *scan, size_t index,
			       const struct pending *pending);
