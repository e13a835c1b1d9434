/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pins arenas, and what keeps it alive: for each listed block, its value and the path to it;
 * and rankings of all blocks in pinned arenas.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/pin_ranking.h"
#include "census/graph.h"
#include "census/path_text.h"
#include "heap/pinned.h"

struct pin_story {
	/* As in repr(); NULL: not of a type whose values are shown, or not requested. */
	char *value;
	bool has_items; /* it is a tuple on a free list: */
	uint64_t items; /* of this many items */
	char *path;	/* NULL: no root leads there */
	/* The kind of the path's root, and its label, which the roots own; NULL: not shown. */
	enum root_kind root_kind;
	const char *root_name;
};

/*
 * What importing modules creates, and little else does: functions, classes and the like that a
 * module leads to through names only.
 */
struct module_code {
	uint64_t blocks;
	double hostage_bytes, freed_bytes; /* as in struct pin */
};

struct pin_holders {
	struct pin_story *stories; /* for each block listed as pinning, in the same order */
	size_t story_cnt;
	struct pin_ranking by_kind, by_path;
	/* The part of by_path that no root leads to, by type and not sorted. */
	struct pin_ranking unreached;
	/*
	 * What would be elsewhere if all modules had been imported one after another. Their code
	 * would be in consecutive arenas then, of which the last might still be pinned. So this is
	 * all code in pinned arenas, except for the arena that has the most.
	 */
	struct module_code late_code;
	uint64_t unseen_blocks; /* beyond PIN_BLOCKS_MAX; not in any ranking */
};

struct pin_holders_options {
	enum census_by by;
	bool no_values;
};

/*
 * Finds what holds the blocks of @pinned. The paths are from @retention, which learns new ones.
 * Returns 0, -EDQUOT, -ENOMEM or as memory__read(). The caller releases *out.
 */
int pin_holders__find(struct pin_holders *out, const struct pinned *pinned,
		      const struct graph *graph, const struct roots *roots,
		      struct retention *retention, const struct pin_holders_options *options);
void pin_holders__release(struct pin_holders *holders);
