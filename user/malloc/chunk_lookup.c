// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/chunk_lookup.h"

#include "malloc/chunk.h"

/* All images share the map of blocks in use, but each has the lists of its own malloc. */
static enum chunk_state find_state(const struct mallocs *mallocs, uint64_t block)
{
	enum chunk_state state = CHUNK_FREE;

	for (size_t i = 0; i < mallocs->cnt && state == CHUNK_FREE; i++)
		state = malloc_image__state_of(&mallocs->items[i].image, block);
	return state;
}

bool mallocs__find_chunk(const struct mallocs *mallocs, uint64_t address, struct known_chunk *out)
{
	const struct heap *heap = mallocs->heap;
	const struct region *region = heap__region_around(heap, address);
	uint64_t alignment = heap->layout.map.alignment,
		 block = address - address % alignment + alignment;
	const struct mapped_chunk *mapped;
	struct span chunk;

	if (!region || address >= region->carved_end ||
	    !block_map__previous(heap->spans, &block, region->address))
		return false;
	mapped = mapped_chunks__of_block(&mallocs->areas.mapped, block);
	heap__span_at(heap, heap_layout__span_start(&heap->layout, block), &chunk);
	*out = (struct known_chunk){
		.block = block,
		.size = chunk.size,
		.state = find_state(mallocs, block),
		.is_mapped = mapped != NULL,
	};
	if (mapped)
		out->state = mapped->is_cached ? CHUNK_IN_TCACHE : CHUNK_IN_USE;
	return true;
}
