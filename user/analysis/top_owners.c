// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/top_owners.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/top_pin_summary.h"

void top_owners__release(struct top_owners *owners)
{
	for (size_t i = 0; i < owners->cnt; i++)
		free(owners->items[i].path);
	*owners = (struct top_owners){};
}

/* An arena with pins to be looked at. */
struct candidate {
	uint64_t arena; /* address */
	struct arena_pins pins;
};

struct candidates {
	struct candidate items[TOP_OWNERS_MAX]; /* those whose pins keep most first */
	size_t cnt;
	uint64_t pin_cnt; /* also of arenas that have no place here */
};

static void add_candidate(struct candidates *candidates, const struct candidate *added)
{
	size_t at = candidates->cnt, moved;

	candidates->pin_cnt += added->pins.counted;
	while (at && candidates->items[at - 1].pins.kept_bytes < added->pins.kept_bytes)
		at--;
	if (at == TOP_OWNERS_MAX)
		return;
	candidates->cnt += candidates->cnt < TOP_OWNERS_MAX;
	moved = candidates->cnt - at - 1;
	memmove(&candidates->items[at + 1], &candidates->items[at], moved * sizeof(*added));
	candidates->items[at] = *added;
}

static void add_malloc(struct candidates *candidates, const struct malloc_instance *instance,
		       const struct top_pins *pins)
{
	struct arena_pins arena = {};

	while (top_pins__next_arena(pins, &arena)) {
		struct candidate candidate = {
			.arena = instance->arenas[arena.items->arena].address,
			.pins = arena,
		};

		if (!pins->knows_resident)
			candidate.pins.counted = arena.items->shrink_bytes != 0;
		if (candidate.pins.counted)
			add_candidate(candidates, &candidate);
	}
}

/* Adds a pin. *node: of its owner; NODE_NONE: none is known. */
static void add_owner(struct top_owners *owners, const struct owners_source *source,
		      const struct candidate *arena, const struct top_pin *pin, uint32_t *node)
{
	struct top_owner *owner = &owners->items[owners->cnt++];

	*owner = (struct top_owner){
		.arena = arena->arena,
		.block = pin->block,
		.size = pin->size,
		.kind = block_kind(pin->is_cached ? BLOCK_FREE : BLOCK_UNKNOWN, PART_NONE, 0),
		.is_cached = pin->is_cached,
	};
	*node = pin->is_cached ? NODE_NONE : chunk_owner__find(source, pin->block, &owner->kind);
}

/* Finds paths to the owners that are known, reading what is on several of them once. */
static int find_paths(struct top_owners *owners, const struct owners_source *source,
		      struct retention *retention, const uint32_t *nodes)
{
	uint32_t known[TOP_OWNERS_MAX] = {};
	size_t cnt = 0;
	int err;

	for (size_t i = 0; i < owners->cnt; i++)
		if (nodes[i] != NODE_NONE)
			known[cnt++] = nodes[i];
	err = retention__learn(retention, known, cnt);
	for (size_t i = 0; i < owners->cnt && !err; i++)
		if (nodes[i] != NODE_NONE)
			err = chunk_owner__find_path(&owners->items[i].path, source, retention,
						     nodes[i]);
	return err;
}

int top_owners__find(struct top_owners *out, const struct owners_source *source,
		     struct retention *retention)
{
	struct candidates candidates = {};
	uint32_t nodes[TOP_OWNERS_MAX] = {};

	for (size_t i = 0; i < source->mallocs->cnt; i++)
		add_malloc(&candidates, source->mallocs->items[i].image.instance,
			   &source->mallocs->items[i].pins);
	for (size_t i = 0; i < candidates.cnt; i++) {
		const struct candidate *arena = &candidates.items[i];

		for (size_t j = 0; j < arena->pins.counted && out->cnt < TOP_OWNERS_MAX; j++)
			add_owner(out, source, arena, &arena->pins.items[j], &nodes[out->cnt]);
	}
	out->left_out_cnt = candidates.pin_cnt - out->cnt;
	return find_paths(out, source, retention, nodes);
}
