/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shapes of arenas that come and go. Private to shape*.c. All functions return 0, or what
 * found() returned.
 */
#pragma once

#include "probes/shape_scan.h"

/* Jump if X & (pool size - 1), while an arena_object is set up. */
int shape_arena__match_map(struct shape_scan *scan, const struct insn *insn);

/* X = call f(ctx, arena size): a weak site behind the call. */
int shape_arena__match_map_call(struct shape_scan *scan, size_t index);

/*
 * call f(ctx, [A], arena size), or f([A], arena size). Where the address was loaded long before, it
 * is the slot cleared right behind an indirect call that tells.
 */
int shape_arena__match_unmap(struct shape_scan *scan, size_t index);
