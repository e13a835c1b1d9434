/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pins arenas, and what keeps that alive: of each listed block its value and the way to it,
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
	/* As repr() has it; NULL: of no type whose values are shown, or nobody wants it. */
	char *value;
	bool has_items; /* it is a parked tuple: */
	uint64_t items; /* of so many */
	char *path;	/* NULL: no root leads there */
	/*
	 * Where the path begins, and its name in it, which the root owns; NULL: that is not shown.
	 */
	enum root_kind root_kind;
	const char *root_name;
};

/*
 * What loading modules makes, and little else: functions, classes and the like that a module leads
 * to through names only.
 */
struct module_code {
	uint64_t blocks;
	double hostage_bytes, freed_bytes; /* as in struct pin */
};

struct pin_holders {
	struct pin_story *stories; /* of each block listed as pinning, in their order */
	size_t story_cnt;
	struct pin_ranking by_kind, by_path;
	/* A part of by_path, by type, not sorted: what no root leads to. */
	struct pin_ranking unreached;
	/*
	 * What would lie elsewhere if all modules had been loaded one after another. Their code is
	 * in consecutive arenas then, and the last of these may be pinned, too: so all but what is
	 * in the pinned arena that has most of it.
	 */
	struct module_code late_code;
	uint64_t unseen_blocks; /* more than PIN_BLOCKS_MAX: they are in no ranking */
};

struct pin_holders_options {
	enum census_by by;
	bool no_values;
};

/*
 * Works it out for the blocks of @pinned, with the ways of @retention, which learns new ones.
 * Returns 0, -EDQUOT, -ENOMEM or as memory__read(). The caller releases.
 */
int pin_holders__find(struct pin_holders *out, const struct pinned *pinned,
		      const struct graph *graph, const struct roots *roots,
		      struct retention *retention, const struct pin_holders_options *options);
void pin_holders__release(struct pin_holders *holders);
