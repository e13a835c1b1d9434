// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/top_owners.h"

#include <errno.h>
#include <stdlib.h>

#include "census/path_text.h"
#include "util/cleanup.h"

void top_owners__release(struct top_owners *owners)
{
	for (size_t i = 0; i < owners->cnt; i++)
		free(owners->items[i].path);
	*owners = (struct top_owners){};
}

/* The node that is in the block of malloc, or has it as its buffer. *kind: of what is there. */
static uint32_t find_node(const struct top_owners_of *of, uint64_t block, uint32_t *kind)
{
	const struct census *census = of->graph->census;
	uint32_t node = block_table__find(&census->blocks, block);
	size_t index;

	if (node != PLACE_NONE) {
		*kind = graph__kind(of->graph, node);
		return node;
	}
	index = outside_objects__at(of->outside, block);
	if (index == OUTSIDE_NONE)
		return NODE_NONE;
	*kind = of->outside->kinds[index];
	return of->graph->outside[index].type == TYPE_NONE
		       ? of->graph->outside[index].owner
		       : census->blocks.place_cnt + (uint32_t)index;
}

static int find_path(char **out, const struct top_owners_of *of, struct retention *retention,
		     uint32_t node)
{
	const struct path_text_options options = {.no_values = of->no_values};
	_cleanup_(retention_path__release) struct retention_path path = {};
	int err = retention__learn(retention, &node, 1);

	if (!err)
		err = retention__path(retention, node, &path);
	return err || !path.step_cnt ? err
				     : path_text__make(out, of->graph, of->roots, &path, &options);
}

static int add_owner(struct top_owners *owners, const struct top_owners_of *of,
		     struct retention *retention, const struct top_pin *pin)
{
	struct top_owner *owner = &owners->items[owners->cnt];
	uint32_t node = find_node(of, pin->block, &owner->kind);

	if (node == NODE_NONE || block_kind__role(owner->kind) <= BLOCK_UNKNOWN)
		return 0;
	owner->block = pin->block;
	owner->size = pin->size;
	owner->path = NULL;
	owners->cnt++;
	return find_path(&owner->path, of, retention, node);
}

/* Whether it is the first pin of its arena, in use, and keeps anything. */
static bool is_asked_for(const struct top_pin *pin)
{
	return !pin->rung && !pin->is_cached && (pin->shrink_bytes || pin->withheld_bytes);
}

int top_owners__find(struct top_owners *out, const struct top_owners_of *of,
		     struct retention *retention)
{
	int err = 0;

	for (size_t i = 0; i < of->mallocs->cnt; i++) {
		const struct top_pins *pins = &of->mallocs->items[i].pins;

		for (size_t j = 0; j < pins->cnt && out->cnt < TOP_OWNERS_MAX && !err; j++)
			if (is_asked_for(&pins->items[j]))
				err = add_owner(out, of, retention, &pins->items[j]);
	}
	return err;
}
