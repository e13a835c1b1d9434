// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/chunk_walk.h"

#include <errno.h>
#include <string.h>

#include "malloc/touched_runs.h"
#include "util/account.h"
#include "util/cleanup.h"

#define WINDOW_BYTES_MIN 4096UL
#define WINDOW_BYTES_MAX (256UL << 10)
#define TRIES_MAX	 8

#define PREV_IN_USE 1UL
#define IS_MAPPED   2UL
#define FLAGS	    7UL
#define FENCE_BYTES 16 /* the chunk at the end of a heap that is not the last one */

struct header {
	uint64_t previous_size, size;
};

/* What a copy of some chunks says of them. */
enum verdict {
	CHUNKS_FINE,
	CHUNKS_TORN,   /* a free chunk's size is not at its end: it was changing */
	CHUNKS_BROKEN, /* a chunk cannot be of the size it says */
};

struct walk {
	const struct malloc_heap *heap;
	const struct memory *memory;
	malloc_chunk_fn *take;
	void *context;
	struct touched_runs runs;
	uint8_t *window;     /* room for WINDOW_BYTES_MAX */
	size_t window_bytes; /* to copy next */
	size_t filled;	     /* bytes in the window */
	uint64_t at;	     /* address of the next chunk; the window begins there */
};

static uint64_t limit_of(const struct malloc_heap *heap)
{
	return heap->top ? heap->top : heap->end;
}

static struct header header_at(const struct walk *walk, size_t offset)
{
	struct header header;

	memcpy(&header, walk->window + offset, sizeof(header));
	return header;
}

static bool is_possible(const struct malloc_heap *heap, uint64_t address, uint64_t size_word)
{
	uint64_t size = size_word & ~FLAGS;

	return !(size_word & IS_MAPPED) && size % 16 == 0 && size >= CHUNK_BYTES_MIN &&
	       size <= limit_of(heap) - address;
}

/* Whether the chunks end at @address: with the top, or with a fence. */
static bool is_end(const struct malloc_heap *heap, uint64_t address, uint64_t size_word)
{
	return heap->top ? address == heap->top : (size_word & ~FLAGS) == FENCE_BYTES;
}

/* The chunk at @address, by its header and the next one. */
static struct malloc_chunk decode(uint64_t address, const struct header *header,
				  const struct header *next, enum verdict *verdict)
{
	struct malloc_chunk chunk = {.address = address,
				     .size = header->size & ~FLAGS,
				     .is_free = !(next->size & PREV_IN_USE)};

	if (chunk.is_free && next->previous_size != chunk.size)
		*verdict = CHUNKS_TORN;
	return chunk;
}

/*
 * Goes through the chunks that are in the window with the header of the next one, up to *end, and
 * shows them to @take unless that is NULL. Returns what @take has returned.
 */
static int scan_window(const struct walk *walk, malloc_chunk_fn *take, uint64_t *end,
		       enum verdict *verdict)
{
	size_t offset = 0;

	*verdict = CHUNKS_FINE;
	while (offset + sizeof(struct header) <= walk->filled) {
		struct header header = header_at(walk, offset), next;
		uint64_t address = walk->at + offset;
		struct malloc_chunk chunk;
		int err;

		if (is_end(walk->heap, address, header.size))
			break;
		if (!is_possible(walk->heap, address, header.size)) {
			*verdict = CHUNKS_BROKEN;
			break;
		}
		if ((header.size & ~FLAGS) > walk->filled - offset - sizeof(next))
			break;
		next = header_at(walk, offset + (header.size & ~FLAGS));
		chunk = decode(address, &header, &next, verdict);
		err = take ? take(&chunk, walk->context) : 0;
		if (err)
			return err;
		offset += chunk.size;
	}
	*end = walk->at + offset;
	return 0;
}

/* Copies from the next chunk on. Returns 0, -EUCLEAN: never touched; or as memory__read(). */
static int fill_window(struct walk *walk)
{
	const struct touched_run *run = touched_runs__find(&walk->runs, walk->at);
	uint64_t limit = limit_of(walk->heap) + sizeof(struct header);

	if (!run)
		return -EUCLEAN;
	limit = run->end < limit ? run->end : limit;
	walk->filled =
		limit - walk->at < walk->window_bytes ? limit - walk->at : walk->window_bytes;
	return memory__read(walk->memory, walk->at, walk->window, walk->filled);
}

/* One chunk that is not in a window as a whole: only the header behind it is read. */
static int pass_large_chunk(struct walk *walk, enum verdict *verdict)
{
	struct header header = header_at(walk, 0), next;
	uint64_t end = walk->at + (header.size & ~FLAGS);
	struct malloc_chunk chunk;
	int err = touched_runs__find(&walk->runs, end)
			  ? memory__read(walk->memory, end, &next, sizeof(next))
			  : -EFAULT;

	*verdict = CHUNKS_FINE;
	if (err) {
		*verdict = CHUNKS_BROKEN;
		return err == -EFAULT ? 0 : err;
	}
	chunk = decode(walk->at, &header, &next, verdict);
	err = walk->take(&chunk, walk->context);
	walk->at = end;
	walk->window_bytes = WINDOW_BYTES_MIN;
	return err;
}

/* Copies a window until it is fine, and checks it. */
static int copy_window(struct walk *walk, uint64_t *end, enum verdict *verdict,
		       struct chunk_walk_counts *counts)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		int err = fill_window(walk);

		*verdict = CHUNKS_BROKEN;
		if (err == -EUCLEAN || err == -EFAULT)
			return 0;
		if (!err)
			err = scan_window(walk, NULL, end, verdict);
		if (err || *verdict == CHUNKS_FINE)
			return err;
		counts->retried_windows++;
	}
	return 0;
}

/*
 * Goes on by a window, or one large chunk. Returns 0, -ENODATA: there are no more, or they cannot
 * be followed; or an error.
 */
static int step(struct walk *walk, struct chunk_walk_counts *counts)
{
	enum verdict verdict;
	uint64_t end = walk->at;
	int err = copy_window(walk, &end, &verdict, counts);

	if (err)
		return err;
	if (end != walk->at) {
		enum verdict ignored;

		counts->torn_windows += verdict == CHUNKS_TORN;
		err = scan_window(walk, walk->take, &end, &ignored);
		walk->at = end;
		walk->window_bytes = walk->window_bytes * 2 < WINDOW_BYTES_MAX
					     ? walk->window_bytes * 2
					     : WINDOW_BYTES_MAX;
		return err ? err : verdict == CHUNKS_BROKEN ? -ENODATA : 0;
	}
	if (verdict == CHUNKS_BROKEN || walk->filled < sizeof(struct header) ||
	    is_end(walk->heap, walk->at, header_at(walk, 0).size))
		return -ENODATA;
	err = pass_large_chunk(walk, &verdict);
	counts->torn_windows += verdict == CHUNKS_TORN;
	return err ? err : verdict == CHUNKS_BROKEN ? -ENODATA : 0;
}

/* Whether the walk has come to the end of the chunks. */
static bool is_complete(const struct walk *walk)
{
	if (walk->heap->top)
		return walk->at == walk->heap->top;
	return walk->filled >= sizeof(struct header) &&
	       is_end(walk->heap, walk->at, header_at(walk, 0).size);
}

int malloc_heap__walk(struct malloc_heap *heap, const struct memory *memory, malloc_chunk_fn *take,
		      void *context, struct chunk_walk_counts *counts)
{
	_cleanup_account_free_ uint8_t *window = account__alloc(memory->account, WINDOW_BYTES_MAX);
	struct walk walk = {
		.heap = heap,
		.memory = memory,
		.take = take,
		.context = context,
		.window = window,
		.window_bytes = WINDOW_BYTES_MIN,
		.at = heap->first_chunk,
	};
	int err = window ? 0 : -errno;

	if (!err)
		err = touched_runs__add(&walk.runs, memory, heap->start, heap->end);
	while (!err)
		err = step(&walk, counts);
	heap->chunks_end = walk.at;
	counts->walked_bytes += walk.at - heap->first_chunk;
	if (err == -ENODATA && !is_complete(&walk))
		counts->lost_bytes += limit_of(heap) - walk.at;
	touched_runs__release(&walk.runs);
	return err == -ENODATA ? 0 : err;
}
