/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything about one arena, pinned or not: its live blocks, what they hold, and what keeps them
 * alive.
 */
#pragma once

#include <stdint.h>

#include "analysis/pin_holders.h"
#include "heap/pinned.h"

struct arena_report {
	struct pinned pinned; /* this arena only, with all of its blocks */
	struct pin_holders holders;
};

/*
 * Reports on the arena at or around @address. Returns 0, -ENOENT if there is no arena with a live
 * block, -ENOMEM, -EDQUOT or as memory__read(). The caller releases *out.
 */
int arena_report__find(struct arena_report *out, const struct graph *graph,
		       const struct roots *roots, struct retention *retention, uint64_t address,
		       const struct pin_holders_options *options);
void arena_report__release(struct arena_report *report);
