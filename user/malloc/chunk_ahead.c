// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/chunk_ahead.h"

size_t chunk_ahead__choose(struct chunk_ahead *ahead, struct memory_range *ranges,
			   const struct malloc_heap *heap, const struct touched_runs *runs,
			   uint64_t address, uint64_t size_word, size_t window_bytes)
{
	uint64_t size = chunk_word__size(size_word);
	size_t most = ahead->most ? ahead->most : 1;

	ahead->cnt = 0;
	ahead->chunk_bytes = size;
	if (size < window_bytes || !chunk__is_possible(heap, address, size_word))
		return 0;
	while (ahead->cnt < most && size <= heap->end - address) {
		address += size;
		if (!touched_runs__find(runs, address))
			break;
		ranges[ahead->cnt] = (struct memory_range){.address = address,
							   .buffer = &ahead->headers[ahead->cnt],
							   .size = sizeof(ahead->headers[0])};
		ahead->cnt++;
	}
	return ahead->cnt;
}

void chunk_ahead__take(struct chunk_ahead *ahead, const struct memory_range *ranges)
{
	size_t cnt = 0;

	while (cnt < ahead->cnt && !ranges[cnt].failed)
		cnt++;
	ahead->cnt = cnt;
}

void chunk_ahead__decode(struct chunk_ahead *ahead, struct chunk_batch *batch,
			 const struct malloc_heap *heap, const struct chunk_header *header)
{
	size_t cnt = 0;

	while (cnt < ahead->cnt && chunk_word__size(header->size) == ahead->chunk_bytes &&
	       !chunk__is_end(heap, batch->end, header->size) &&
	       chunk__is_possible(heap, batch->end, header->size)) {
		chunk_batch__add(batch, header, &ahead->headers[cnt]);
		header = &ahead->headers[cnt++];
	}
	ahead->most = cnt == ahead->cnt ? cnt * 2 : cnt;
	if (ahead->most > CHUNKS_AHEAD_MAX)
		ahead->most = CHUNKS_AHEAD_MAX;
}
