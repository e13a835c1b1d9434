// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/top_owners.h"

#include <errno.h>
#include <stdlib.h>

void top_owners__release(struct top_owners *owners)
{
	for (size_t i = 0; i < owners->cnt; i++)
		free(owners->items[i].path);
	*owners = (struct top_owners){};
}

static int add_owner(struct top_owners *owners, const struct owners_source *source,
		     struct retention *retention, const struct top_pin *pin)
{
	struct top_owner *owner = &owners->items[owners->cnt];
	uint32_t node = chunk_owner__find(source, pin->block, &owner->kind);

	if (node == NODE_NONE || block_kind__role(owner->kind) <= BLOCK_UNKNOWN)
		return 0;
	owner->block = pin->block;
	owner->size = pin->size;
	owner->path = NULL;
	owners->cnt++;
	return chunk_owner__find_path(&owner->path, source, retention, node);
}

/* Whether it is the first pin of its arena, in use, and keeps anything. */
static bool is_asked_for(const struct top_pin *pin)
{
	return !pin->rung && !pin->is_cached && (pin->shrink_bytes || pin->withheld_bytes);
}

int top_owners__find(struct top_owners *out, const struct owners_source *source,
		     struct retention *retention)
{
	int err = 0;

	for (size_t i = 0; i < source->mallocs->cnt; i++) {
		const struct top_pins *pins = &source->mallocs->items[i].pins;

		for (size_t j = 0; j < pins->cnt && out->cnt < TOP_OWNERS_MAX && !err; j++)
			if (is_asked_for(&pins->items[j]))
				err = add_owner(out, source, retention, &pins->items[j]);
	}
	return err;
}
