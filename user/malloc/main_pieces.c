// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/main_pieces.h"

#include <errno.h>
#include <string.h>

#include "malloc/chunk.h"
#include "malloc/chunk_walk.h"
#include "malloc/touched_runs.h"
#include "util/account.h"
#include "util/cleanup.h"

#define WINDOW_BYTES (64UL << 10)
/* Memory of others may look like the start of a piece: so often is looked closely. */
#define CANDIDATES_MAX 1024
/* Of a piece that may be of several mallocs, so many lists are followed, so far. */
#define FREE_CHUNKS_MAX 4
#define LIST_STEPS_MAX	4096

struct search {
	struct malloc_heap *rest;
	const struct memory *memory;
	uint8_t *window;
	size_t candidates;
};

static void set_start(struct malloc_heap *heap, uint64_t address)
{
	heap->start = address;
	heap->first_chunk = address;
	if (heap->top < address)
		heap->top = 0;
}

/* Looks at what is in the window, @size bytes from @at on. Returns 0 or -ENOENT. */
static int look_at_window(struct search *search, uint64_t at, size_t size)
{
	uint64_t words[2];

	for (size_t i = 0; i + sizeof(words) <= size; i += sizeof(words)) {
		struct malloc_heap piece = *search->rest;

		memcpy(words, search->window + i, sizeof(words));
		if (!chunk__may_be_first(words))
			continue;
		if (search->candidates++ == CANDIDATES_MAX)
			return -ENOENT;
		set_start(&piece, at + i);
		if (!malloc_heap__may_begin_at(&piece, search->memory, at + i))
			continue;
		*search->rest = piece;
		return 0;
	}
	return -ENOENT;
}

static int look_at_run(struct search *search, uint64_t start, uint64_t end)
{
	int err = -ENOENT;

	for (uint64_t at = start;
	     at < end && err == -ENOENT && search->candidates <= CANDIDATES_MAX;
	     at += WINDOW_BYTES) {
		size_t size = end - at < WINDOW_BYTES ? end - at : WINDOW_BYTES;

		err = memory__read(search->memory, at, search->window, size);
		if (!err)
			err = look_at_window(search, at, size);
		else if (err == -EFAULT)
			err = -ENOENT;
	}
	return err;
}

int main_piece__find_next(struct malloc_heap *rest, const struct memory *memory)
{
	_cleanup_(touched_runs__release) struct touched_runs runs = {};
	_cleanup_account_free_ uint8_t *window = account__alloc(memory->account, WINDOW_BYTES);
	struct search search = {.rest = rest, .memory = memory, .window = window};
	uint64_t start = rest->start, end = rest->end;
	int err = window ? touched_runs__add(&runs, memory, start, end) : -errno;

	if (err)
		return err;
	err = -ENOENT;
	for (size_t i = 0; i < runs.cnt && err == -ENOENT; i++) {
		uint64_t from = runs.items[i].start > start ? runs.items[i].start : start,
			 to = runs.items[i].end < end ? runs.items[i].end : end;

		err = look_at_run(&search, from, to);
	}
	return err;
}

/* Some free chunks of a piece. */
struct free_chunks {
	uint64_t addresses[FREE_CHUNKS_MAX];
	size_t cnt;
};

static int take_free_chunks(const struct chunk_batch *batch, void *context)
{
	struct free_chunks *found = context;
	uint64_t address = batch->start;

	for (size_t i = 0; i < batch->cnt && found->cnt < FREE_CHUNKS_MAX; i++) {
		if (chunk_word__is_free(batch->words[i]))
			found->addresses[found->cnt++] = address;
		address += chunk_word__size(batch->words[i]);
	}
	return found->cnt < FREE_CHUNKS_MAX ? 0 : -ECANCELED;
}

/* Whether the list that the free chunk at @chunk is in leads to a bin of @main. */
static bool leads_to(const struct memory *memory, uint64_t chunk, const struct malloc_arena *main,
		     const struct arena_layout *layout)
{
	uint64_t bins = malloc_arena__bins(main, layout);

	for (int i = 0; i < LIST_STEPS_MAX; i++) {
		if (memory__read(memory, chunk + CHUNK_HEADER_BYTES, &chunk, sizeof(chunk)))
			return false;
		if (chunk + 16 - bins < ARENA_BINS * 16UL)
			return true;
	}
	return false;
}

int main_piece__is_of(bool *is_of, const struct malloc_heap *piece, const struct memory *memory,
		      const struct malloc_arena *main, const struct arena_layout *layout)
{
	struct malloc_heap heap = *piece;
	struct chunk_walk_counts counts = {};
	struct free_chunks chunks = {};
	int err = malloc_heap__walk(&heap, memory, take_free_chunks, &chunks, &counts);

	if (err && err != -ECANCELED)
		return err;
	*is_of = false;
	for (size_t i = 0; i < chunks.cnt && !*is_of; i++)
		*is_of = leads_to(memory, chunks.addresses[i], main, layout);
	return 0;
}

static int ignore_chunks(const struct chunk_batch *batch, void *context)
{
	(void)batch;
	(void)context;
	return 0;
}

int main_piece__read(struct malloc_heap *out, const struct memory *memory,
		     const struct malloc_arena *main, const struct arena_layout *layout,
		     uint64_t address, uint64_t limit)
{
	struct chunk_walk_counts counts = {};
	struct malloc_heap piece;
	int err = malloc_heap__set_main(&piece, memory, main, layout, address, limit);

	if (err == -EUCLEAN || (!err && !malloc_heap__may_begin_at(&piece, memory, address)))
		return -ENOENT;
	if (!err)
		err = malloc_heap__walk(&piece, memory, ignore_chunks, NULL, &counts);
	if (err)
		return err;
	if (counts.lost_bytes || piece.end % MALLOC_PAGE_BYTES)
		return -ENOENT;
	*out = piece;
	return 0;
}
