// SPDX-License-Identifier: BSD-2-Clause
#include "probes/probe_plan.h"

#define TYPE(event) (1U << (event))
#define BLOCKS	    (TYPE(EVENT_ALLOC) | TYPE(EVENT_FREE))
#define GROWTH	    (TYPE(EVENT_NEW_POOL) | TYPE(EVENT_POOL_FREED))
#define ARENAS	    (TYPE(EVENT_ARENA_MAP) | TYPE(EVENT_ARENA_UNMAP) | TYPE(EVENT_FREELIST_CLEAR))

struct probe_plan probe_plan__make(const struct probe_wishes *wishes, const struct site_set *sites)
{
	struct probe_plan plan = {
		.types = {[PROBES_LASTING] = ARENAS},
		.has_budget = !wishes->follow_blocks && wishes->budget > 0,
	};

	if (wishes->follow_blocks)
		plan.types[PROBES_LASTING] |= BLOCKS | GROWTH;
	if (plan.has_budget)
		plan.types[wishes->can_switch ? PROBES_GROWTH : PROBES_LASTING] |= GROWTH;
	plan.has_bursts = plan.has_budget && wishes->can_switch && !wishes->no_bursts &&
			  site_set__count(sites, EVENT_ALLOC) && site_set__count(sites, EVENT_FREE);
	if (plan.has_bursts)
		plan.types[PROBES_BURST] = BLOCKS;
	return plan;
}
