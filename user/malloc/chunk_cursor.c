// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/chunk_cursor.h"

#include "malloc/chunk.h"
#include "util/partition_point.h"

static size_t find_first(const struct block_list *list, uint64_t block)
{
	return PARTITION_POINT(item, list->items, list->cnt, *item < block);
}

/* Whether @block is in the list, which is followed from *at on. */
static bool is_in(const struct block_list *list, size_t *at, uint64_t block)
{
	while (*at < list->cnt && list->items[*at] < block)
		(*at)++;
	return *at < list->cnt && list->items[*at] == block;
}

static enum chunk_state find_state(struct chunk_cursor *cursor)
{
	const struct malloc_image *image = cursor->image;
	uint64_t block = cursor->address + CHUNK_HEADER_BYTES;

	if (block_cursor__contains(&cursor->live, block))
		return CHUNK_IN_USE;
	if (is_in(&image->cached, &cursor->cached_at, block))
		return CHUNK_IN_TCACHE;
	return is_in(&image->fast, &cursor->fast_at, block) ? CHUNK_IN_FASTBIN : CHUNK_FREE;
}

void chunk_cursor__begin(struct chunk_cursor *cursor, const struct malloc_image *image,
			 const struct malloc_heap *heap)
{
	*cursor = (struct chunk_cursor){
		.address = heap->first_chunk,
		.image = image,
		.heap = heap,
		.chunks = block_cursor__at(image->chunks),
		.live = block_cursor__at(image->live),
		.cached_at = find_first(&image->cached, heap->first_chunk),
		.fast_at = find_first(&image->fast, heap->first_chunk),
	};
}

bool chunk_cursor__next(struct chunk_cursor *cursor)
{
	uint64_t end = cursor->heap->chunks_end, next;

	cursor->address += cursor->size;
	if (cursor->address >= end)
		return false;
	next = cursor->address + CHUNK_BYTES_MIN + CHUNK_HEADER_BYTES;
	cursor->size = block_cursor__next(&cursor->chunks, &next, end)
			       ? next - CHUNK_HEADER_BYTES - cursor->address
			       : end - cursor->address;
	cursor->state = find_state(cursor);
	return true;
}
