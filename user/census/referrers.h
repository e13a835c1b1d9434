/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks by who refers to them: those to which the same kinds of objects refer have the same set.
 * Or by what they are referred to: attributes, keys, indexes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/graph.h"
#include "census/roots.h"
#include "util/string_table.h"

/* In a set, in place of a kind. */
#define REFERRER_ROOT (UINT32_MAX - 1) /* a variable, an interpreter or static data */
#define REFERRER_MORE UINT32_MAX       /* and others: only so many kinds are distinguished */
#define REFERRERS_MAX 6

struct referrer_set {
	uint32_t first, cnt; /* in items[], ascending */
};

struct referrers {
	struct referrer_set *sets; /* the first one is empty */
	size_t set_cnt, set_capacity;
	uint32_t *items; /* kinds, as block_kind(); or numbers of names[] */
	size_t item_cnt, item_capacity;
	uint32_t *of_places;	   /* the number of a place's set */
	struct string_table names; /* none: the items are kinds */
};

/*
 * By kinds; or, if the graph knows by what, by that: @no_values leaves out what keys of dicts say.
 * Returns 0, -ENOMEM or as memory__read(); the caller releases.
 */
int referrers__find(struct referrers *out, const struct graph *graph, const struct roots *roots,
		    bool no_values);
void referrers__release(struct referrers *referrers);
