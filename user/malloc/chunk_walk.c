// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/chunk_walk.h"

#include <errno.h>
#include <string.h>

#include "malloc/chunk_ahead.h"
#include "malloc/touched_runs.h"
#include "util/account.h"
#include "util/cleanup.h"

#define WINDOW_BYTES_MIN 512UL
#define WINDOW_BYTES_MAX CHUNK_BATCH_BYTES_MAX
/* Of chunks that are larger on the average, only the headers are copied. */
#define SMALL_BYTES (8UL << 10)
#define TRIES_MAX   3
#define RETURNS_MAX 64
/* So many possible chunks, one behind the other, are there by chance hardly ever. */
#define CHUNKS_PROVING 256

struct walk {
	struct malloc_heap *heap;
	const struct memory *memory;
	malloc_chunks_fn *take;
	void *context;
	struct touched_runs runs;
	uint8_t *window;     /* room for WINDOW_BYTES_MAX */
	size_t window_bytes; /* to copy next */
	size_t filled;	     /* bytes in the window */
	struct chunk_ahead ahead;
	uint64_t at; /* address of the next chunk; the window begins there */
	/*
	 * The batch before is not shown until the next one has shown that it ends at a chunk: where
	 * it ends may have been the middle of a chunk by the time that the next one was copied.
	 */
	struct chunk_batch before, next;
	unsigned int returns; /* how often the walk went back before it came further */
	uint64_t furthest;    /* address that it has come to */
};

static struct chunk_header first_header(const struct walk *walk)
{
	struct chunk_header header;

	memcpy(&header, walk->window, sizeof(header));
	return header;
}

/*
 * Copies from the next chunk on. Returns 0, -EUCLEAN: its header was never touched, or is not in
 * the heap; or as memory__read().
 */
static int fill_window(struct walk *walk)
{
	const struct touched_run *run = touched_runs__find(&walk->runs, walk->at);
	uint64_t limit = walk->heap->end;
	struct memory_range ranges[1 + CHUNKS_AHEAD_MAX];
	size_t cnt;
	int err;

	limit = run && run->end < limit ? run->end : limit;
	if (!run || limit - walk->at < sizeof(struct chunk_header))
		return -EUCLEAN;
	walk->filled =
		limit - walk->at < walk->window_bytes ? limit - walk->at : walk->window_bytes;
	ranges[0] = (struct memory_range){.address = walk->at,
					  .buffer = walk->window,
					  .size = walk->filled};
	cnt = chunk_ahead__choose(&walk->ahead, ranges + 1, walk->heap, &walk->runs, walk->at,
				  walk->before.cnt ? walk->before.next_word : 0, walk->filled);
	err = memory__read_ranges(walk->memory, ranges, 1 + cnt);
	if (err)
		return err;
	chunk_ahead__take(&walk->ahead, ranges + 1);
	return ranges[0].failed ? -EFAULT : 0;
}

/*
 * Decodes a chunk that is not in a window as a whole: of what is behind it only the header is read,
 * unless that was copied already.
 */
static int decode_large_chunk(struct walk *walk)
{
	struct chunk_header header = first_header(walk), next;
	uint64_t end = walk->at + chunk_word__size(header.size);
	int err;

	chunk_ahead__decode(&walk->ahead, &walk->next, walk->heap, &header);
	if (walk->next.cnt)
		return 0;
	err = touched_runs__find(&walk->runs, end)
		      ? memory__read(walk->memory, end, &next, sizeof(next))
		      : -EFAULT;
	if (err) {
		walk->next.verdict =
			memory__leaves(walk->memory, end) ? CHUNKS_SWAPPED : CHUNKS_BROKEN;
		return err == -EFAULT ? 0 : err;
	}
	chunk_batch__add(&walk->next, &header, &next);
	return 0;
}

/* Whether the walk has come to the end of the chunks, by what is in the window. */
static bool is_complete(const struct walk *walk)
{
	return walk->next.verdict < CHUNKS_BROKEN && !walk->next.cnt &&
	       walk->filled >= sizeof(struct chunk_header) &&
	       chunk__is_end(walk->heap, walk->at, first_header(walk).size);
}

/* The less is copied at once, the less of it changes meanwhile. */
static void shrink_window(struct walk *walk)
{
	if (walk->window_bytes > WINDOW_BYTES_MIN)
		walk->window_bytes /= 2;
	walk->ahead.most = 1;
}

/* Copies what comes next, until it is fine, and decodes it. */
static int copy_batch(struct walk *walk, struct chunk_walk_counts *counts)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		int err = fill_window(walk);

		chunk_batch__begin(&walk->next, walk->at);
		walk->next.verdict = err && memory__leaves(walk->memory, walk->at) ? CHUNKS_SWAPPED
										   : CHUNKS_BROKEN;
		if (err == -EUCLEAN || err == -EFAULT)
			return 0;
		if (err)
			return err;
		walk->next.verdict = CHUNKS_FINE;
		chunk_batch__decode(&walk->next, walk->heap, walk->window, walk->filled);
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

static int show(const struct walk *walk, const struct chunk_batch *batch)
{
	return batch->cnt ? walk->take(batch, walk->context) : 0;
}

/* Shows the batch before, and makes the next one that. */
static int accept(struct walk *walk, struct chunk_walk_counts *counts)
{
	struct chunk_batch batch = walk->before;
	int err = show(walk, &batch);
	bool was_small = walk->next.end - walk->next.start <= walk->next.cnt * SMALL_BYTES;

	counts->torn_windows += walk->next.verdict == CHUNKS_TORN;
	walk->before = walk->next;
	walk->at = walk->next.end;
	if (walk->at > walk->furthest) {
		walk->furthest = walk->at;
		walk->returns = 0;
	}
	walk->next = (struct chunk_batch){.words = batch.words};
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
	walk->before.words = account__calloc(account, CHUNK_BATCH_MAX, sizeof(*walk->before.words));
	walk->next.words = account__calloc(account, CHUNK_BATCH_MAX, sizeof(*walk->next.words));
	if (!walk->window || !walk->before.words || !walk->next.words)
		return -errno;
	return touched_runs__add(&walk->runs, walk->memory, walk->heap->start, walk->heap->end);
}

static void walk__release(struct walk *walk)
{
	account__free(walk->window);
	account__free(walk->before.words);
	account__free(walk->next.words);
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

	if (heap->is_main && chunk_word__size(first_header(walk).size) == FENCE_CHUNK_BYTES) {
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
		struct chunk_header header;

		if (address > heap->end - sizeof(header) ||
		    memory__read(memory, address, &header, sizeof(header)))
			return false;
		if (chunk__is_end(heap, address, header.size))
			return i || address == heap->top;
		if (!chunk__is_possible(heap, address, header.size))
			return false;
		address += chunk_word__size(header.size);
	}
	return true;
}
