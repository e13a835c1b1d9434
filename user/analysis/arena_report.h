/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All about one arena, pinned or not: its live blocks, what they are, and what keeps them alive.
 */
#pragma once

#include <stdint.h>

#include "analysis/pin_holders.h"
#include "heap/pinned.h"

struct arena_report {
	struct pinned pinned; /* that arena only, with all of its blocks */
	struct pin_holders holders;
};

/*
 * Finds it all of the arena at or around @address. Returns 0, -ENOENT if there is none with a live
 * block, -ENOMEM or as memory__read(). The caller releases.
 */
int arena_report__find(struct arena_report *out, const struct graph *graph,
		       const struct roots *roots, struct retention *retention, uint64_t address,
		       const struct pin_holders_options *options);
void arena_report__release(struct arena_report *report);
