/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shapes of arenas that are mapped and unmapped. Private to shape*.c. All functions return 0,
 * or what found() returned.
 */
#pragma once

#include "probes/shape_scan.h"

/* Jump if X & (pool size - 1), while an arena_object is set up. */
int shape_arena__match_map(struct shape_scan *scan, const struct insn *insn);

/* X = call f(ctx, arena size): a weak site after the call. */
int shape_arena__match_map_call(struct shape_scan *scan, size_t index);

/*
 * call f(ctx, [A], arena size), or f([A], arena size). If [A] was loaded long before, an indirect
 * call is recognized by the code after it, which clears [A], or by the function: the `free` of a
 * PyObjectArenaAllocator.
 */
int shape_arena__match_unmap(struct shape_scan *scan, size_t index);
