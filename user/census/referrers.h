/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups blocks by what refers to them: blocks that the same kinds of objects refer to have the
 * same set. Or groups them by how they are referred to: attributes, keys, indexes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/graph.h"
#include "census/roots.h"
#include "util/string_table.h"

/* Items of a set that are not kinds. */
#define REFERRER_ROOT (UINT32_MAX - 1) /* the block is a root (roots.h) */
#define REFERRER_MORE UINT32_MAX       /* and others: only so many kinds are distinguished */
#define REFERRERS_MAX 6

struct referrer_set {
	uint32_t first, cnt; /* range in items[], in ascending order */
};

struct referrers {
	struct referrer_set *sets; /* the first one is empty */
	size_t set_cnt, set_capacity;
	uint32_t *items; /* kinds, as block_kind(); or indexes of names[] */
	size_t item_cnt, item_capacity;
	uint32_t *of_places;	   /* by place: index of its set */
	struct string_table names; /* empty: the items are kinds */
};

/*
 * Groups by kinds or, if the graph has vias, by these. @no_values leaves out what the keys of dicts
 * are. Returns 0, -ENOMEM, -EDQUOT, -ETIME or as memory__read(). The caller releases *out.
 */
int referrers__find(struct referrers *out, const struct graph *graph, const struct roots *roots,
		    bool no_values);
void referrers__release(struct referrers *referrers);
