// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/chunk_batch.h"

#include <string.h>

/* No chunk of a heap has these bits: sizes are multiples of 16. */
#define CHUNK_NEVER (CHUNK_IS_MAPPED | 8UL)
/* The copy is in a cache, but not the nearest one; the next headers are fetched from there. */
#define FETCH_AHEAD_BYTES 2048

_Static_assert(CHUNK_IS_FREE == CHUNK_PREV_IN_USE, "add_plain() turns one into the other");

bool chunk__is_possible(const struct malloc_heap *heap, uint64_t address, uint64_t size_word)
{
	uint64_t size = chunk_word__size(size_word);

	return !(size_word & CHUNK_NEVER) && size >= CHUNK_BYTES_MIN && size <= heap->end - address;
}

bool chunk__is_end(const struct malloc_heap *heap, uint64_t address, uint64_t size_word)
{
	uint64_t size = chunk_word__size(size_word);

	if (size == FENCE_CHUNK_BYTES)
		return heap->is_main || !heap->top;
	if (!heap->top || address >= heap->top_end) /* it has shrunk */
		return false;
	return address == heap->top || (size >= CHUNK_BYTES_MIN && size == heap->top_end - address);
}

void chunk_batch__begin(struct chunk_batch *batch, uint64_t address)
{
	*batch = (struct chunk_batch){.start = address, .end = address, .words = batch->words};
}

void chunk_batch__add(struct chunk_batch *batch, const struct chunk_header *header,
		      const struct chunk_header *next)
{
	uint64_t size = chunk_word__size(header->size);
	bool is_free = !(next->size & CHUNK_PREV_IN_USE);

	if (is_free && next->previous_size != size)
		batch->verdict = CHUNKS_TORN;
	batch->words[batch->cnt++] = size | (is_free ? CHUNK_IS_FREE : 0);
	batch->free_cnt += is_free;
	batch->free_bytes += is_free ? size : 0;
	batch->size_bits |= size;
	batch->end += size;
	batch->next_word = next->size;
}

static struct chunk_header header_at(const uint8_t *window, size_t offset)
{
	struct chunk_header header;

	memcpy(&header, window + offset, sizeof(header));
	return header;
}

/*
 * Up to which offset in the window a chunk may reach to be plain: the header behind it is in the
 * window, and it is not, nor reaches beyond, what may be the top.
 */
static size_t plain_limit(const struct chunk_batch *batch, const struct malloc_heap *heap,
			  size_t size)
{
	size_t limit = size - sizeof(struct chunk_header);
	uint64_t room = limit;

	if (heap->top && batch->end <= heap->top)
		room = heap->top - batch->start;
	else if (heap->top && batch->end < heap->top_end)
		room = heap->top_end - batch->start - 1;
	return room < limit ? room : limit;
}

/*
 * As chunk_batch__add(), for all chunks up to the first one that is not plain. Whether a chunk is
 * free is no branch here: nobody can predict that.
 */
static void add_plain(struct chunk_batch *batch, const uint8_t *window, size_t limit)
{
	size_t offset = batch->end - batch->start, cnt = batch->cnt;
	uint64_t word = header_at(window, offset).size, differing = 0, free_cnt = 0, free_bytes = 0,
		 size_bits = 0;

	while (!(word & CHUNK_NEVER)) {
		uint64_t size = chunk_word__size(word), is_free;
		struct chunk_header next;

		if (size < CHUNK_BYTES_MIN || size > limit - offset)
			break;
		offset += size;
		__builtin_prefetch(window + offset + FETCH_AHEAD_BYTES);
		next = header_at(window, offset);
		is_free = ~next.size & CHUNK_PREV_IN_USE;
		differing |= (next.previous_size ^ size) & -is_free;
		batch->words[cnt++] = size | is_free;
		free_cnt += is_free;
		free_bytes += size & -is_free;
		size_bits |= size;
		word = next.size;
	}
	if (differing)
		batch->verdict = CHUNKS_TORN;
	batch->end = batch->start + offset;
	batch->cnt = cnt;
	batch->free_cnt += free_cnt;
	batch->free_bytes += free_bytes;
	batch->size_bits |= size_bits;
	batch->next_word = word;
}

/* Adds the next chunk unless the chunks end there, or their copy, or it is broken. */
static bool add_next(struct chunk_batch *batch, const struct malloc_heap *heap,
		     const uint8_t *window, size_t size)
{
	size_t offset = batch->end - batch->start;
	struct chunk_header header = header_at(window, offset), next;

	if (chunk__is_end(heap, batch->end, header.size))
		return false;
	if (!chunk__is_possible(heap, batch->end, header.size)) {
		batch->verdict = CHUNKS_BROKEN;
		return false;
	}
	if (chunk_word__size(header.size) > size - offset - sizeof(next))
		return false;
	next = header_at(window, offset + chunk_word__size(header.size));
	chunk_batch__add(batch, &header, &next);
	return true;
}

void chunk_batch__decode(struct chunk_batch *batch, const struct malloc_heap *heap,
			 const uint8_t *window, size_t size)
{
	bool has_next = size >= sizeof(struct chunk_header);

	while (has_next) {
		add_plain(batch, window, plain_limit(batch, heap, size));
		has_next = add_next(batch, heap, window, size);
	}
}
