/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pins arenas, in short: the kinds of the pinning blocks, and the allocation sites of the
 * pools they are in; those that hold back the most. A summary does not depend on what it was made
 * from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "analysis/site_ranking.h"
#include "census/source_census.h"
#include "heap/pinned.h"

#define PIN_SUMMARY_MAX 5

struct pin_share {
	/* "free-listed tuple"; "handle (server.py:12) < run (server.py:40)", with long names cut */
	char *name;
	double hostage_bytes;
	double pools; /* of a site: how many pools taken there are still held */
};

struct pin_summary {
	struct pin_share kinds[PIN_SUMMARY_MAX], sites[PIN_SUMMARY_MAX];
	size_t kind_cnt, site_cnt; /* 0: not known, or there are none */
};

void pin_summary__release(struct pin_summary *summary);

/*
 * Adds the kinds of the pinning blocks: looks at the objects in @heap, which was read from @source
 * and has @pinned arenas. Returns 0 or as source_census__take().
 */
int pin_summary__add_kinds(struct pin_summary *summary, const struct heap_source *source,
			   const struct heap *heap, const struct pinned *pinned,
			   struct failure *failure);

/*
 * Adds at most @max sites. Those that only hold pools, and hold back nothing, come last: they made
 * the heap grow. Returns 0 or -ENOMEM.
 */
int pin_summary__add_sites(struct pin_summary *summary, const struct site_ranking *ranking,
			   size_t max);

/*
 * "tuple (12.0 MiB), free-listed frame (3.1 MiB)", safe to print; "" if there are none. The caller
 * frees it. NULL if there is no memory.
 */
char *pin_summary__text(const struct pin_share *shares, size_t cnt);
