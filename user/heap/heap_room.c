// SPDX-License-Identifier: BSD-2-Clause
/* Makes room for what a reading of a heap will find: heap__make_room(), declared in heap.h. */
#include <errno.h>

#include "heap/heap.h"
#include "util/partition_point.h"

/* Regions, sorted by address. */
struct neighbours {
	const struct region *regions;
	size_t cnt;
	uint64_t chunk_bytes;
};

/* Whether any region overlaps the chunk at @address. */
static bool reaches_into(uint64_t address, const void *context)
{
	const struct neighbours *neighbours = context;
	size_t first = PARTITION_POINT(region, neighbours->regions, neighbours->cnt,
				       region__end(region) <= address);

	return first < neighbours->cnt &&
	       neighbours->regions[first].address < address + neighbours->chunk_bytes;
}

/* Number of chunks that the regions can need: those that overlap a span that was ever used. */
static uint64_t count_chunks(const struct heap_layout *layout, const struct region *regions,
			     size_t cnt)
{
	uint64_t chunk_bytes = layout->map.chunk_bytes;
	uint64_t chunks = 0, next = 0; /* next: the first chunk not counted yet */

	for (size_t i = 0; i < cnt; i++) {
		uint64_t first = heap_layout__first_span(layout, &regions[i]) / chunk_bytes;
		uint64_t end = (regions[i].carved_end + chunk_bytes - 1) / chunk_bytes;

		if (first < next)
			first = next;
		if (end <= first)
			continue;
		chunks += end - first;
		next = end;
	}
	return chunks;
}

int heap__make_room(struct heap *heap, const struct region *regions, size_t cnt)
{
	const struct neighbours neighbours = {regions, cnt, heap->layout.map.chunk_bytes};
	uint64_t chunks = count_chunks(&heap->layout, regions, cnt), there;

	block_map__drop_chunks(heap->blocks, reaches_into, &neighbours);
	there = block_map__chunk_cnt(heap->blocks);
	return chunks > there
		       ? account__check_room(heap->account,
					     (chunks - there) *
						     block_map__chunk_cost_bytes(&heap->layout.map))
		       : 0;
}
