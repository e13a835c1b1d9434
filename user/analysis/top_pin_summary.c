// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/top_pin_summary.h"

uint64_t top_pin__kept_bytes(const struct top_pin *pin)
{
	uint64_t bytes = pin->released_bytes + pin->withheld_bytes;

	return bytes > pin->top_now_bytes ? bytes - pin->top_now_bytes : 0;
}

/* How many of the pins of an arena are worth freeing. What they keep never gets less. */
static size_t count_worthwhile(const struct top_pin *pins, size_t cnt)
{
	size_t worthwhile = 0;

	while (worthwhile < cnt &&
	       top_pin__kept_bytes(&pins[worthwhile]) < top_pin__kept_bytes(&pins[cnt - 1]) / 2)
		worthwhile++;
	return worthwhile + 1;
}

bool top_pins__next_arena(const struct top_pins *pins, struct arena_pins *arena)
{
	size_t first = arena->items ? (size_t)(arena->items - pins->items) + arena->cnt : 0,
	       end = first;
	struct arena_pins next = {};

	while (end < pins->cnt && pins->items[end].arena == pins->items[first].arena)
		end++;
	if (end == first)
		return false;
	next.items = &pins->items[first];
	next.cnt = end - first;
	if (top_pin__kept_bytes(&pins->items[end - 1])) {
		next.counted = count_worthwhile(next.items, next.cnt);
		next.kept_bytes = top_pin__kept_bytes(&next.items[next.counted - 1]);
	}
	*arena = next;
	return true;
}

static void add_arena(struct top_pin_summary *sum, const struct arena_pins *arena)
{
	const struct top_pin *last = &arena->items[arena->counted - 1];

	sum->arenas++;
	sum->chunks += arena->counted;
	for (size_t i = 0; i < arena->counted; i++) {
		sum->chunk_bytes += arena->items[i].size;
		sum->cacheable += arena->items[i].may_be_cached;
	}
	sum->kept_bytes += arena->kept_bytes;
	sum->released_bytes += last->released_bytes;
	sum->withheld_bytes += last->withheld_bytes;
}

struct top_pin_summary top_pins__sum_up(const struct top_pins *pins)
{
	struct top_pin_summary sum = {};
	struct arena_pins arena = {};
	uint64_t most = 0;

	while (top_pins__next_arena(pins, &arena)) {
		if (!arena.counted)
			continue;
		add_arena(&sum, &arena);
		if (arena.kept_bytes > most) {
			most = arena.kept_bytes;
			sum.first = arena.items;
		}
	}
	return sum;
}
