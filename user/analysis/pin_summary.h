/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pins arenas, in a few words: the kinds of the blocks that do, and the allocation sites of
 * the pools they are in, those that hold back most. It stands for itself: what it was made of may
 * be gone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "analysis/site_ranking.h"
#include "census/source_census.h"
#include "heap/pinned.h"

#define PIN_SUMMARY_MAX 5

struct pin_share {
	/* "parked tuple"; "handle (server.py:12) < run (server.py:40)", with long names cut */
	char *name;
	double hostage_bytes;
	double pools; /* of a site: how many pools taken there are held */
};

struct pin_summary {
	struct pin_share kinds[PIN_SUMMARY_MAX], sites[PIN_SUMMARY_MAX];
	size_t kind_cnt, site_cnt; /* 0: not known, or there are none */
};

void pin_summary__release(struct pin_summary *summary);

/*
 * Looks at the objects in @heap, which was read from @source and has @pinned arenas, for their
 * kinds. Returns 0 or as source_census__take().
 */
int pin_summary__add_kinds(struct pin_summary *summary, const struct heap_source *source,
			   const struct heap *heap, const struct pinned *pinned,
			   struct failure *failure);

/*
 * @max sites at most. Those that hold nothing back, but pools, come last: they made the heap grow.
 * Returns 0 or -ENOMEM.
 */
int pin_summary__add_sites(struct pin_summary *summary, const struct site_ranking *ranking,
			   size_t max);

/*
 * "tuple (12.0 MiB), parked frame (3.1 MiB)", made printable; "" if there are none. The caller
 * frees; NULL without memory.
 */
char *pin_summary__text(const struct pin_share *shares, size_t cnt);
