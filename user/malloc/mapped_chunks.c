// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/mapped_chunks.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "malloc/chunk.h"
#include "malloc/touched_runs.h"
#include "util/account.h"
#include "util/cleanup.h"
#include "util/partition_point.h"

#define PAGES_AT_ONCE 512UL
#define HUGE_PAGE     2UL /* of the first word, from glibc 2.43 on */

struct search {
	struct mapped_chunks *out;
	const struct target *target;
	const struct malloc_range *heaps;
	size_t heap_cnt;
	const struct heap *other;
	known_memory_fn *know;
	void *context;	 /* for @know */
	uint64_t end;	 /* of the mappings that lie together */
	size_t page_cnt; /* that are looked at together next */
	uint64_t words[PAGES_AT_ONCE][2];
};

static bool may_hold_chunks(const struct mapping *mapping)
{
	return mapping__is_anonymous(mapping) && mapping->readable && mapping->writable &&
	       !mapping->shared &&
	       (!*mapping->path || mapping->inode || !strncmp(mapping->path, "[anon", 5));
}

/* The end of the heap or region that @address is in; 0: it is in none. */
static uint64_t end_of_known(const struct search *search, uint64_t address)
{
	const struct malloc_range *heap =
		malloc_range__from(search->heaps, search->heap_cnt, address);
	const struct region *region =
		search->other ? heap__region_around(search->other, address) : NULL;

	if (heap && heap->start <= address)
		return heap->end;
	return region ? region__end(region) : 0;
}

/* The size of the mapping that begins with the two words; 0: they are no header of one. */
static uint64_t mapping_bytes(const uint64_t *words, uint64_t limit_bytes)
{
	uint64_t size = chunk_word__size(words[1]), pages;

	if (words[0] & ~HUGE_PAGE || (words[1] & CHUNK_FLAGS) != CHUNK_IS_MAPPED ||
	    size > limit_bytes)
		return 0;
	pages = (size + MALLOC_PAGE_BYTES - 1) & ~(MALLOC_PAGE_BYTES - 1);
	if (pages - size != 0 && pages - size != CHUNK_HEADER_BYTES)
		return 0;
	return pages <= limit_bytes ? pages : 0;
}

static int add(struct search *search, uint64_t address, uint64_t size)
{
	struct mapped_chunks *out = search->out;
	int err = ACCOUNT_RESERVE(search->target->memory->account, out->items, out->capacity,
				  out->cnt + 1);

	if (!err)
		out->items[out->cnt++] = (struct mapped_chunk){.address = address, .size = size};
	return err;
}

static int read_headers(struct search *search, uint64_t address, size_t cnt,
			struct memory_range *ranges)
{
	for (size_t i = 0; i < cnt; i++)
		ranges[i] = (struct memory_range){.address = address + i * MALLOC_PAGE_BYTES,
						  .buffer = search->words[i],
						  .size = sizeof(search->words[i])};
	return memory__read_ranges(search->target->memory, ranges, cnt);
}

static int ask_who_knows(const struct search *search, uint64_t page, const uint64_t *words,
			 uint64_t *end)
{
	int err = search->know(page, words, search->end, end, search->context);

	return err == -ENOENT ? 0 : err;
}

/* Looks at some pages from @at on, and sets *next to where to go on. */
static int look_at_pages(struct search *search, uint64_t at, uint64_t run_end, uint64_t *next)
{
	struct memory_range ranges[PAGES_AT_ONCE];
	size_t left = (run_end - at) / MALLOC_PAGE_BYTES,
	       cnt = left < search->page_cnt ? left : search->page_cnt;
	int err = read_headers(search, at, cnt, ranges);

	if (err)
		return err;
	for (size_t i = 0; i < cnt; i++) {
		uint64_t page = at + i * MALLOC_PAGE_BYTES, known = end_of_known(search, page);
		uint64_t size = ranges[i].failed || known
					? 0
					: mapping_bytes(search->words[i], search->end - page);

		if (size)
			known = page + size;
		else if (!known && !ranges[i].failed)
			err = ask_who_knows(search, page, search->words[i], &known);
		if (err)
			return err;
		if (!known)
			continue;
		*next = known;
		search->page_cnt = 1;
		return size ? add(search, page, size) : 0;
	}
	*next = at + cnt * MALLOC_PAGE_BYTES;
	search->page_cnt = cnt * 2 < PAGES_AT_ONCE ? cnt * 2 : PAGES_AT_ONCE;
	return 0;
}

static int search_together(struct search *search, uint64_t start)
{
	_cleanup_(touched_runs__release) struct touched_runs runs = {};
	uint64_t at = start;
	int err = touched_runs__add(&runs, search->target->memory, start, search->end);

	search->page_cnt = 1;
	for (size_t i = 0; i < runs.cnt && !err; i++) {
		at = at > runs.items[i].start ? at : runs.items[i].start;
		while (at < runs.items[i].end && !err)
			err = look_at_pages(search, at, runs.items[i].end, &at);
	}
	return err;
}

int mapped_chunks__find(struct mapped_chunks *out, const struct target *target,
			const struct malloc_range *heaps, size_t heap_cnt, const struct heap *other,
			known_memory_fn *know, void *context)
{
	_cleanup_free_ struct search *search = calloc(1, sizeof(*search));
	int err = 0;

	if (!search)
		return -ENOMEM;
	*search = (struct search){.out = out,
				  .target = target,
				  .heaps = heaps,
				  .heap_cnt = heap_cnt,
				  .other = other,
				  .know = know,
				  .context = context};
	for (size_t i = 0; i < target->map_cnt && !err; i++) {
		uint64_t start = target->maps[i].start;

		if (!may_hold_chunks(&target->maps[i]))
			continue;
		while (i + 1 < target->map_cnt && may_hold_chunks(&target->maps[i + 1]) &&
		       target->maps[i + 1].start == target->maps[i].end)
			i++;
		search->end = target->maps[i].end;
		err = search_together(search, start);
	}
	return err;
}

struct mapped_chunk *mapped_chunks__of_block(const struct mapped_chunks *chunks, uint64_t block)
{
	uint64_t address = block - CHUNK_HEADER_BYTES;
	size_t i = PARTITION_POINT(chunk, chunks->items, chunks->cnt, chunk->address < address);

	return i < chunks->cnt && chunks->items[i].address == address ? &chunks->items[i] : NULL;
}
