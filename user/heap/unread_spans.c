// SPDX-License-Identifier: BSD-2-Clause
#include "heap/unread_spans.h"

bool unread_spans__contain(const struct heap *heap, uint64_t address)
{
	return block_map__class(heap->blocks, heap_layout__span_start(&heap->layout, address)) ==
	       CLASS_UNREAD;
}

int unread_spans__add_region(struct heap *heap, const struct region *region)
{
	struct span span = {};
	int err = 0;

	while (!err && heap__next_span(heap, region, &span))
		err = block_map__set_class(heap->blocks, span.address, CLASS_UNREAD);
	return err;
}

static int carry_span(struct heap *fresh, const struct heap *known, const struct span *span)
{
	const uint64_t *live = block_map__span_bits(known->blocks, span->address);

	if (block_map__class(fresh->blocks, span->address) != CLASS_UNREAD)
		return 0;
	if (live)
		return block_map__set_span(fresh->blocks, span->address,
					   block_map__class(known->blocks, span->address), 0, live,
					   span->size / fresh->layout.map.alignment / 64);
	/* Nothing was ever live there. */
	block_map__remove_range(fresh->blocks, span->address, span->size);
	return 0;
}

int unread_spans__carry(struct heap *fresh, const struct heap *known)
{
	int err = 0;

	for (size_t i = 0; i < fresh->region_cnt && !err; i++) {
		const struct region *region = &fresh->regions[i];
		struct span span = {};

		if (!heap__find_region(known, region->address))
			continue;
		while (!err && heap__next_span(fresh, region, &span))
			err = carry_span(fresh, known, &span);
	}
	return err;
}
