// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/memory_parts.h"

#include <stdbool.h>

#include "util/cleanup.h"
#include "util/partition_point.h"

const char *const memory_part_names[MEMORY_PART_CNT] = {
	[MEMORY_ARENAS] = "arenas",
	[MEMORY_MALLOC] = "malloc",
	[MEMORY_OTHER_MALLOCS] = "other_mallocs",
	[MEMORY_FRAME_STACKS] = "frame_stacks",
	[MEMORY_STACKS] = "stacks",
	[MEMORY_GUARDS] = "guards",
	[MEMORY_FILES] = "files",
	[MEMORY_SHARED] = "shared",
	[MEMORY_KERNEL] = "kernel",
	[MEMORY_BREAK] = "break",
	[MEMORY_UNEXPLAINED] = "unexplained",
};

const char *const memory_state_names[MEMORY_STATE_CNT] = {
	[STATE_UNDIVIDED] = "undivided",
	[STATE_LIVE] = "live",
	[STATE_FREE_BLOCKS] = "free_blocks",
	[STATE_FREE_POOLS] = "free_pools",
	[STATE_IN_USE] = "in_use",
	[STATE_FREE] = "free",
	[STATE_TCACHE] = "tcache",
	[STATE_TOP] = "top",
	[STATE_UNUSED] = "unused",
	[STATE_CACHED] = "cached",
	[STATE_PRIVATE_DIRTY] = "private_dirty",
	[STATE_PRIVATE_CLEAN] = "private_clean",
	[STATE_SHARED] = "shared",
	[STATE_OVERHEAD] = "overhead",
};

#define STATE(name) (1U << STATE_##name)

static const uint32_t states_of_parts[MEMORY_PART_CNT] = {
	[MEMORY_ARENAS] = STATE(UNDIVIDED) | STATE(LIVE) | STATE(FREE_BLOCKS) | STATE(FREE_POOLS) |
			  STATE(OVERHEAD),
	[MEMORY_MALLOC] = STATE(UNDIVIDED) | STATE(IN_USE) | STATE(FREE) | STATE(TCACHE) |
			  STATE(TOP) | STATE(OVERHEAD),
	[MEMORY_FRAME_STACKS] = STATE(IN_USE) | STATE(UNUSED),
	[MEMORY_STACKS] = STATE(UNDIVIDED) | STATE(IN_USE) | STATE(UNUSED) | STATE(CACHED),
	[MEMORY_FILES] = STATE(PRIVATE_DIRTY) | STATE(PRIVATE_CLEAN) | STATE(SHARED),
};

bool memory_part__is_divided(enum memory_part part)
{
	return states_of_parts[part];
}

bool memory_part__has_state(enum memory_part part, enum memory_state state)
{
	return states_of_parts[part] & 1U << state;
}

/* Where a range begins or ends. */
struct edge {
	uint64_t at;
	const struct part_range *range;
	bool is_end;
};

/* What is open between two edges: how many ranges of each part, and the last one opened. */
struct open_ranges {
	size_t cnts[MEMORY_PART_CNT];
	const struct part_range *last[MEMORY_PART_CNT];
};

void part_ranges__release(struct part_ranges *ranges)
{
	account__free(ranges->items);
	*ranges = (struct part_ranges){.account = ranges->account};
}

int part_ranges__add_range(struct part_ranges *ranges, const struct part_range *range)
{
	int err;

	if (range->start >= range->end)
		return 0;
	err = ACCOUNT_RESERVE(ranges->account, ranges->items, ranges->capacity, ranges->cnt + 1);
	if (!err)
		ranges->items[ranges->cnt++] = *range;
	return err;
}

int part_ranges__add(struct part_ranges *ranges, uint64_t start, uint64_t end,
		     enum memory_part part, uint32_t owner)
{
	const struct part_range range = {.start = start, .end = end, .part = part, .owner = owner};

	return part_ranges__add_range(ranges, &range);
}

static int compare_edges(const void *a, const void *b)
{
	const struct edge *left = a, *right = b;

	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return (left->range->owner > right->range->owner) -
	       (left->range->owner < right->range->owner);
}

static int list_edges(const struct part_ranges *ranges, struct edge **out)
{
	struct edge *edges = account__calloc(ranges->account, 2 * ranges->cnt + 1, sizeof(*edges));

	if (!edges)
		return -errno;
	for (size_t i = 0; i < ranges->cnt; i++) {
		const struct part_range *range = &ranges->items[i];

		edges[2 * i] = (struct edge){range->start, range, false};
		edges[2 * i + 1] = (struct edge){range->end, range, true};
	}
	*out = edges;
	return account__sort(ranges->account, edges, 2 * ranges->cnt, sizeof(*edges),
			     compare_edges);
}

static void cross(struct open_ranges *open, const struct edge *edge)
{
	enum memory_part part = edge->range->part;

	if (edge->is_end) {
		open->cnts[part]--;
		return;
	}
	open->cnts[part]++;
	open->last[part] = edge->range;
}

/* Adds what is between two edges; it may continue the range before it. */
static int add_between(struct part_ranges *ranges, const struct open_ranges *open, uint64_t start,
		       uint64_t end)
{
	struct part_range *last = ranges->cnt ? &ranges->items[ranges->cnt - 1] : NULL, range;
	int part = 0;

	while (part < MEMORY_PART_CNT && !open->cnts[part])
		part++;
	if (part == MEMORY_PART_CNT)
		return 0;
	range = *open->last[part];
	if (last && last->end == start && last->part == range.part && last->owner == range.owner &&
	    last->state == range.state) {
		last->end = end;
		return 0;
	}
	range.start = start;
	range.end = end;
	return part_ranges__add_range(ranges, &range);
}

int part_ranges__settle(struct part_ranges *ranges)
{
	_cleanup_(part_ranges__release) struct part_ranges settled = {.account = ranges->account};
	_cleanup_account_free_ struct edge *edges = NULL;
	struct open_ranges open = {};
	size_t cnt = 2 * ranges->cnt;
	int err = list_edges(ranges, &edges);

	for (size_t i = 0; i < cnt && !err; i++) {
		cross(&open, &edges[i]);
		if (i + 1 < cnt)
			err = add_between(&settled, &open, edges[i].at, edges[i + 1].at);
	}
	if (err)
		return err;
	part_ranges__release(ranges);
	*ranges = settled;
	settled = (struct part_ranges){};
	return 0;
}

const struct part_range *part_ranges__from(const struct part_ranges *ranges, uint64_t address)
{
	size_t first = PARTITION_POINT(range, ranges->items, ranges->cnt, range->end <= address);

	return first < ranges->cnt ? &ranges->items[first] : NULL;
}
