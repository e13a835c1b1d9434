// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/malloc_trim.h"

#include <errno.h>
#include <stdbool.h>

#include "malloc/chunk.h"
#include "util/account.h"
#include "util/cpu_allowance.h"

#define CHUNK_MEMBERS 48 /* sizeof(struct malloc_chunk): its links stay */
#define TOP_BYTES_MIN 33 /* MINSIZE and one byte */

/* Pages that would be released. */
struct pages {
	struct resident_range *items;
	size_t cnt, capacity;
	struct account *account;
};

static int add_pages(struct pages *pages, uint64_t start, uint64_t end)
{
	int err;

	if (start >= end)
		return 0;
	err = ACCOUNT_RESERVE(pages->account, pages->items, pages->capacity, pages->cnt + 1);
	if (!err)
		pages->items[pages->cnt++] =
			(struct resident_range){.address = start, .size = end - start};
	return err;
}

/* Of a run of free chunks, which are one chunk by then. */
static int add_free_run(struct pages *pages, uint64_t start, uint64_t end)
{
	if (end - start <= MALLOC_PAGE_BYTES - 1 + CHUNK_MEMBERS)
		return 0;
	return add_pages(pages,
			 (start + CHUNK_MEMBERS + MALLOC_PAGE_BYTES - 1) & ~(MALLOC_PAGE_BYTES - 1),
			 end & ~(MALLOC_PAGE_BYTES - 1));
}

/* Whether the chunk of that block stays as it is: it is in use, or in a tcache. */
static bool stays(const struct malloc_image *image, uint64_t block)
{
	enum chunk_state state = malloc_image__state_of(image, block);

	return state == CHUNK_IN_USE || state == CHUNK_IN_TCACHE;
}

/*
 * Adds the free runs of a heap. *top: where the top begins by then: free chunks below it become
 * part of it.
 */
static int add_heap(struct pages *pages, const struct malloc_image *image,
		    const struct malloc_heap *heap, uint64_t *top)
{
	uint64_t block = heap->first_chunk + CHUNK_HEADER_BYTES, run = 0;
	int err = 0;

	for (; block_map__next(image->chunks, &block, heap->chunks_end) && !err;
	     block += CHUNK_HEADER_BYTES) {
		uint64_t chunk = block - CHUNK_HEADER_BYTES;

		if (!stays(image, block)) {
			run = run ? run : chunk;
			continue;
		}
		err = run ? add_free_run(pages, run, chunk) : 0;
		run = 0;
	}
	if (!err)
		err = cpu_allowance__check();
	*top = heap->top && run ? run : heap->top;
	return err || !run || heap->top ? err : add_free_run(pages, run, heap->chunks_end);
}

/* What the main arena's top gives back, by brk(2). */
static int add_top(struct pages *pages, const struct malloc_image *image, uint64_t top,
		   uint64_t end)
{
	uint64_t unit = malloc_parameters__trim_unit(&image->instance->parameters),
		 bytes = end - top;

	if (bytes <= TOP_BYTES_MIN)
		return 0;
	bytes = (bytes - TOP_BYTES_MIN) & ~(unit - 1);
	return add_pages(pages, end - bytes, end);
}

static uint64_t sum_of(const struct pages *pages, size_t from)
{
	uint64_t bytes = 0;

	for (size_t i = from; i < pages->cnt; i++)
		bytes += pages->items[i].resident_bytes;
	return bytes;
}

int malloc_trim__estimate(struct malloc_trim *out, const struct malloc_image *image,
			  const struct target *target)
{
	struct pages pages = {.account = target->memory->account};
	uint64_t main_top = 0, main_end = 0, top;
	size_t chunk_pages;
	int err = 0;

	*out = (struct malloc_trim){};
	for (size_t i = 0; i < image->instance->heaps.cnt && !err; i++) {
		const struct malloc_heap *heap = &image->instance->heaps.items[i];

		err = add_heap(&pages, image, heap, &top);
		if (heap->arena == 0 && heap->is_below_break) {
			main_top = top;
			main_end = heap->end;
		}
	}
	chunk_pages = pages.cnt;
	if (!err && main_top)
		err = add_top(&pages, image, main_top, main_end);
	if (!err)
		err = target__measure_resident(target, pages.items, pages.cnt);
	if (!err) {
		out->top_bytes = sum_of(&pages, chunk_pages);
		out->chunk_bytes = sum_of(&pages, 0) - out->top_bytes;
	}
	account__free(pages.items);
	return err;
}
