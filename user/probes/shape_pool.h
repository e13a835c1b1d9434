/* SPDX-License-Identifier: BSD-2-Clause */
/* The shapes of pools that are taken and returned. Private to shape*.c. */
#pragma once

#include "probes/shape_scan.h"

/* Observes @insn before it takes effect: 32 bits of [P] = 1 after P was linked, or [A+24] = P. */
void shape_pool__observe(struct shape_scan *scan, const struct insn *insn);

/* Whether @insn may be the one that sets the class of a new pool. */
bool shape_pool__stores_class(const struct insn *insn);

/*
 * A new pool is probed before its class is set, when the old class (in memory) and the new one (in
 * a register) are both available. Returns 1 if the site was placed, 0 if @insn is not the place, or
 * a negative value.
 */
int shape_pool__place(struct shape_scan *scan, const struct insn *insn,
		      const struct pending *pending);

/*
 * The same, if the code continues at @index, where other code jumps to. Then there is no
 * instruction of its own after the one that sets the count, so that one is probed, just before it
 * takes effect.
 */
int shape_pool__place_at_start(struct shape_scan *scan, size_t index,
			       const struct pending *pending);
