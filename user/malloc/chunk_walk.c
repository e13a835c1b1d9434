// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/chunk_walk.h"

#include <errno.h>
#include <string.h>

#include "malloc/touched_runs.h"
#include "util/account.h"
#include "util/cleanup.h"

#define WINDOW_BYTES_MIN 4096UL
#define WINDOW_BYTES_MAX (256UL << 10)
/* Of chunks that are larger on the average, only the headers are copied. */
#define SMALL_BYTES (8UL << 10)
#define CHUNKS_MAX  (WINDOW_BYTES_MAX / CHUNK_BYTES_MIN)
#define TRIES_MAX   3
#define RETURNS_MAX 64
/* So many possible chunks, one behind the other, are there by chance hardly ever. */
#define CHUNKS_PROVING 256

struct header {
	uint64_t previous_size, size;
};

/* What a copy of some chunks says of them. */
enum verdict {
	CHUNKS_FINE,
	CHUNKS_TORN,	/* a free chunk's size is not at its end: it was changing */
	CHUNKS_BROKEN,	/* a chunk cannot be of the size it says */
	CHUNKS_SWAPPED, /* the header of the next chunk is swapped out */
};

/* The chunks of one window, or a large one: those from @start to @end. */
struct batch {
	uint64_t start, end; /* addresses */
	struct malloc_chunk *chunks;
	size_t cnt;
	enum verdict verdict;
};

struct walk {
	struct malloc_heap *heap;
	const struct memory *memory;
	malloc_chunks_fn *take;
	void *context;
	struct touched_runs runs;
	uint8_t *window;     /* room for WINDOW_BYTES_MAX */
	size_t window_bytes; /* to copy next */
	size_t filled;	     /* bytes in the window */
	uint64_t at;	     /* address of the next chunk; the window begins there */
	/*
	 * The batch before is not shown until the next one has shown that it ends at a chunk: where
	 * it ends may have been the middle of a chunk by the time that the next one was copied.
	 */
	struct batch before, next;
	unsigned int returns; /* how often the walk went back before it came further */
	uint64_t furthest;    /* address that it has come to */
};

static struct header header_at(const struct walk *walk, size_t offset)
{
	struct header header;

	memcpy(&header, walk->window + offset, sizeof(header));
	return header;
}

static bool is_possible(const struct malloc_heap *heap, uint64_t address, uint64_t size_word)
{
	uint64_t size = size_word & ~CHUNK_FLAGS;

	return !(size_word & CHUNK_IS_MAPPED) && size % 16 == 0 && size >= CHUNK_BYTES_MIN &&
	       size <= heap->end - address;
}

/*
 * Whether the chunks end at @address: with the top, which reaches to the end of the heap and may
 * have moved since the arena was read, or with a fence.
 */
static bool is_end(const struct malloc_heap *heap, uint64_t address, uint64_t size_word)
{
	uint64_t size = size_word & ~CHUNK_FLAGS;

	if (size == FENCE_CHUNK_BYTES)
		return heap->is_main || !heap->top;
	if (!heap->top || address >= heap->top_end) /* it has shrunk */
		return false;
	return address == heap->top || (size >= CHUNK_BYTES_MIN && size == heap->top_end - address);
}

/* The chunk at @address, by its header and the next one. */
static struct malloc_chunk decode(uint64_t address, const struct header *header,
				  const struct header *next, enum verdict *verdict)
{
	struct malloc_chunk chunk = {.address = address,
				     .size = header->size & ~CHUNK_FLAGS,
				     .is_free = !(next->size & CHUNK_PREV_IN_USE)};

	if (chunk.is_free && next->previous_size != chunk.size)
		*verdict = CHUNKS_TORN;
	return chunk;
}

/* Decodes the chunks that are in the window with the header of the next one. */
static void decode_window(struct walk *walk)
{
	struct batch *batch = &walk->next;
	size_t offset = 0;

	*batch = (struct batch){.start = walk->at, .chunks = batch->chunks};
	while (offset + sizeof(struct header) <= walk->filled) {
		struct header header = header_at(walk, offset), next;
		uint64_t address = walk->at + offset;

		if (is_end(walk->heap, address, header.size))
			break;
		if (!is_possible(walk->heap, address, header.size)) {
			batch->verdict = CHUNKS_BROKEN;
			break;
		}
		if ((header.size & ~CHUNK_FLAGS) > walk->filled - offset - sizeof(next))
			break;
		next = header_at(walk, offset + (header.size & ~CHUNK_FLAGS));
		batch->chunks[batch->cnt] = decode(address, &header, &next, &batch->verdict);
		offset += batch->chunks[batch->cnt++].size;
	}
	batch->end = walk->at + offset;
}

/* Copies from the next chunk on. Returns 0, -EUCLEAN: never touched; or as memory__read(). */
static int fill_window(struct walk *walk)
{
	const struct touched_run *run = touched_runs__find(&walk->runs, walk->at);
	uint64_t limit = walk->heap->end;

	if (!run)
		return -EUCLEAN;
	limit = run->end < limit ? run->end : limit;
	walk->filled =
		limit - walk->at < walk->window_bytes ? limit - walk->at : walk->window_bytes;
	return memory__read(walk->memory, walk->at, walk->window, walk->filled);
}

/* Decodes a chunk that is not in a window as a whole: only the header behind it is read. */
static int decode_large_chunk(struct walk *walk)
{
	struct batch *batch = &walk->next;
	struct header header = header_at(walk, 0), next;
	uint64_t end = walk->at + (header.size & ~CHUNK_FLAGS);
	int err = touched_runs__find(&walk->runs, end)
			  ? memory__read(walk->memory, end, &next, sizeof(next))
			  : -EFAULT;

	if (err) {
		batch->verdict = memory__leaves(walk->memory, end) ? CHUNKS_SWAPPED : CHUNKS_BROKEN;
		return err == -EFAULT ? 0 : err;
	}
	batch->chunks[0] = decode(walk->at, &header, &next, &batch->verdict);
	batch->cnt = 1;
	batch->end = end;
	return 0;
}

/* Whether the walk has come to the end of the chunks, by what is in the window. */
static bool is_complete(const struct walk *walk)
{
	return walk->next.verdict < CHUNKS_BROKEN && !walk->next.cnt &&
	       walk->filled >= sizeof(struct header) &&
	       is_end(walk->heap, walk->at, header_at(walk, 0).size);
}

/* The less is copied at once, the less of it changes meanwhile. */
static void shrink_window(struct walk *walk)
{
	if (walk->window_bytes > WINDOW_BYTES_MIN)
		walk->window_bytes /= 2;
}

/* Copies what comes next, until it is fine, and decodes it. */
static int copy_batch(struct walk *walk, struct chunk_walk_counts *counts)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		int err = fill_window(walk);

		walk->next.cnt = 0;
		walk->next.verdict = err && memory__leaves(walk->memory, walk->at) ? CHUNKS_SWAPPED
										   : CHUNKS_BROKEN;
		if (err == -EUCLEAN || err == -EFAULT)
			return 0;
		if (err)
			return err;
		decode_window(walk);
		if (walk->next.verdict != CHUNKS_BROKEN && !walk->next.cnt && !is_complete(walk))
			err = decode_large_chunk(walk);
		if (err || walk->next.verdict == CHUNKS_FINE ||
		    walk->next.verdict == CHUNKS_SWAPPED)
			return err;
		counts->retried_windows++;
		shrink_window(walk);
	}
	return 0;
}

static int show(const struct walk *walk, const struct batch *batch)
{
	return batch->cnt ? walk->take(batch->chunks, batch->cnt, walk->context) : 0;
}

/* Shows the batch before, and makes the next one that. */
static int accept(struct walk *walk, struct chunk_walk_counts *counts)
{
	struct batch batch = walk->before;
	int err = show(walk, &batch);
	bool was_small = walk->next.end - walk->next.start <= walk->next.cnt * SMALL_BYTES;

	counts->torn_windows += walk->next.verdict == CHUNKS_TORN;
	walk->before = walk->next;
	walk->at = walk->next.end;
	if (walk->at > walk->furthest) {
		walk->furthest = walk->at;
		walk->returns = 0;
	}
	walk->next = (struct batch){.chunks = batch.chunks};
	walk->window_bytes = was_small ? walk->window_bytes * 2 : WINDOW_BYTES_MIN;
	if (walk->window_bytes > WINDOW_BYTES_MAX)
		walk->window_bytes = WINDOW_BYTES_MAX;
	return err;
}

/* Goes back to the start of the batch before, to copy it again; looks where the heap ends now. */
static int go_back(struct walk *walk, struct chunk_walk_counts *counts)
{
	int err;

	walk->returns++;
	counts->retried_windows++;
	if (walk->before.cnt)
		walk->at = walk->before.start;
	walk->before.cnt = 0;
	walk->window_bytes = WINDOW_BYTES_MIN;
	touched_runs__release(&walk->runs);
	err = malloc_heap__reread_end(walk->heap, walk->memory);
	return err ? err
		   : touched_runs__add(&walk->runs, walk->memory, walk->heap->start,
				       walk->heap->end);
}

/*
 * Goes on by a batch. Returns 0, -ENODATA: there are no more chunks, or they cannot be followed; or
 * an error.
 */
static int step(struct walk *walk, struct chunk_walk_counts *counts)
{
	int err = copy_batch(walk, counts);

	if (err)
		return err;
	if (is_complete(walk))
		return -ENODATA;
	if (walk->next.verdict == CHUNKS_SWAPPED)
		return -ENODATA;
	if (walk->next.verdict != CHUNKS_BROKEN)
		return accept(walk, counts);
	if (walk->returns < RETURNS_MAX)
		return go_back(walk, counts);
	/* What was decoded before the chunk that cannot be is shown all the same. */
	err = walk->next.cnt ? accept(walk, counts) : 0;
	walk->next.verdict = CHUNKS_BROKEN;
	return err ? err : -ENODATA;
}

static int prepare(struct walk *walk)
{
	struct account *account = walk->memory->account;

	walk->window = account__alloc(account, WINDOW_BYTES_MAX);
	walk->before.chunks = account__calloc(account, CHUNKS_MAX, sizeof(*walk->before.chunks));
	walk->next.chunks = account__calloc(account, CHUNKS_MAX, sizeof(*walk->next.chunks));
	if (!walk->window || !walk->before.chunks || !walk->next.chunks)
		return -errno;
	return touched_runs__add(&walk->runs, walk->memory, walk->heap->start, walk->heap->end);
}

static void walk__release(struct walk *walk)
{
	account__free(walk->window);
	account__free(walk->before.chunks);
	account__free(walk->next.chunks);
	touched_runs__release(&walk->runs);
}

/*
 * For a walk that could not go on: if the top has come down below, what lay there is part of it by
 * now. Else what is up to the top, if that is there, was not walked. Returns 0 or as
 * memory__read_ranges().
 */
static int count_lost(const struct walk *walk, struct chunk_walk_counts *counts)
{
	struct malloc_heap *heap = walk->heap;
	uint64_t top = 0;
	int err = heap->top ? memory__read(walk->memory, heap->top_word, &top, sizeof(top)) : 0;

	if (err && err != -EFAULT)
		return err;
	if (!err && top >= heap->first_chunk && top <= heap->chunks_end) {
		heap->top = heap->chunks_end;
		return 0;
	}
	if (heap->top < heap->chunks_end)
		heap->top = 0;
	heap->lost_bytes = (heap->top ? heap->top : heap->end) - heap->chunks_end;
	counts->lost_bytes += heap->lost_bytes;
	return 0;
}

/* Where the fence at @address ends; if all that was left of the top are 16 bytes, these, too. */
static uint64_t fence_end(uint64_t address)
{
	uint64_t end = address + FENCE_BYTES;

	return end % MALLOC_PAGE_BYTES == MALLOC_PAGE_BYTES - FENCE_CHUNK_BYTES
		       ? end + FENCE_CHUNK_BYTES
		       : end;
}

/* Sets where the heap and its top end, for a walk that came to the end of the chunks. */
static void end_heap(const struct walk *walk)
{
	struct malloc_heap *heap = walk->heap;

	if (heap->is_main && (header_at(walk, 0).size & ~CHUNK_FLAGS) == FENCE_CHUNK_BYTES) {
		uint64_t end = fence_end(heap->chunks_end);

		heap->top = 0;
		heap->end = end < heap->end ? end : heap->end;
		heap->open_end = heap->end;
		heap->is_below_break = false;
	} else if (heap->top) {
		heap->top = heap->chunks_end;
		heap->end = heap->top_end;
	}
}

int malloc_heap__walk(struct malloc_heap *heap, const struct memory *memory, malloc_chunks_fn *take,
		      void *context, struct chunk_walk_counts *counts)
{
	_cleanup_(walk__release) struct walk walk = {
		.heap = heap,
		.memory = memory,
		.take = take,
		.context = context,
		.window_bytes = WINDOW_BYTES_MIN,
		.at = heap->first_chunk,
	};
	int err = prepare(&walk);

	while (!err)
		err = step(&walk, counts);
	if (err != -ENODATA)
		return err;
	err = show(&walk, &walk.before);
	heap->chunks_end = walk.at;
	if (is_complete(&walk))
		end_heap(&walk);
	else if (!err)
		err = count_lost(&walk, counts);
	return err;
}

bool malloc_heap__may_begin_at(const struct malloc_heap *heap, const struct memory *memory,
			       uint64_t address)
{
	for (int i = 0; i < CHUNKS_PROVING; i++) {
		struct header header;

		if (address > heap->end - sizeof(header) ||
		    memory__read(memory, address, &header, sizeof(header)))
			return false;
		if (is_end(heap, address, header.size))
			return i || address == heap->top;
		if (!is_possible(heap, address, header.size))
			return false;
		address += header.size & ~CHUNK_FLAGS;
	}
	return true;
}
