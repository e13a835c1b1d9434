// SPDX-License-Identifier: BSD-2-Clause
#include "census/block_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/hash_map.h"
#include "util/partition_point.h"

#define PAGE_BYTES  4096
#define CHUNK_SHIFT 20
#define SPAN_NONE   UINT32_MAX
/* Of a larger span, only the pages up to here are in the index. */
#define INDEXED_BYTES_MAX (1UL << CHUNK_SHIFT)
/* A page has parts of so many spans at most: they are of 32 bytes or more. */
#define SPANS_PER_PAGE_MAX (PAGE_BYTES / 32 + 1)

/* Which spans are in each page of 1 MiB of addresses. */
struct block_chunk {
	uint64_t key;	     /* chunk_key() */
	uint32_t spans[256]; /* by page: index of the first span with blocks there, or SPAN_NONE */
};

static int add_span(struct block_table *table, const struct span *span)
{
	int err = ACCOUNT_RESERVE(table->account, table->spans, table->span_capacity,
				  table->span_cnt + 1);

	if (err)
		return err;
	if (table->place_cnt > PLACE_NONE - 1 - span->block_cnt || span->block_cnt > UINT16_MAX)
		return -EFBIG;
	if (!table->span_cnt)
		table->start = span->address;
	table->end = span->address + span->size;
	table->spans[table->span_cnt++] = (struct block_span){
		.address = span->address,
		.block_size = span->block_size,
		.first_place = table->place_cnt,
		.block_cnt = (uint16_t)span->block_cnt,
		.first_block = (uint16_t)span->first_block,
		.size_class = span->size_class,
	};
	table->place_cnt += span->block_cnt;
	return 0;
}

static int add_region(struct block_table *table, const struct heap *heap,
		      const struct region *region)
{
	struct span span = {};
	int err = 0;

	while (!err && heap__next_span(heap, region, &span))
		if (span.size_class < heap->layout.class_cnt &&
		    block_map__count(heap->blocks, span.address, span.size))
			err = add_span(table, &span);
	return err;
}

/* The index of the page of @address in its chunk. */
static size_t page_of(uint64_t address)
{
	return address / PAGE_BYTES % 256;
}

/* The end of the last block of a span. */
static uint64_t end_of(const struct block_span *span)
{
	return span->address + span->first_block + (uint64_t)span->block_cnt * span->block_size;
}

/* Where the part of a span ends of which each page is in the index. */
static uint64_t indexed_end(const struct block_span *span)
{
	uint64_t end = end_of(span);

	return end - span->address > INDEXED_BYTES_MAX ? span->address + INDEXED_BYTES_MAX : end;
}

static size_t count_chunks(const struct block_table *table)
{
	uint64_t counted = 0; /* the last chunk counted */
	size_t cnt = 0;

	for (size_t i = 0; i < table->span_cnt; i++) {
		uint64_t first = table->spans[i].address >> CHUNK_SHIFT;
		uint64_t last = (indexed_end(&table->spans[i]) - 1) >> CHUNK_SHIFT;

		cnt += last - first + (!i || first != counted);
		counted = last;
	}
	return cnt;
}

static uint64_t chunk_key(uint64_t address)
{
	return (address >> CHUNK_SHIFT) + 1;
}

static int index_span(struct block_table *table, uint32_t i)
{
	uint64_t address = table->spans[i].address & ~(uint64_t)(PAGE_BYTES - 1);
	uint64_t end = indexed_end(&table->spans[i]);
	int err;

	if (end < end_of(&table->spans[i])) {
		err = ACCOUNT_RESERVE(table->account, table->large, table->large_capacity,
				      table->large_cnt + 1);
		if (err)
			return err;
		table->large[table->large_cnt++] = i;
	}
	for (; address < end; address += PAGE_BYTES) {
		uint64_t key = chunk_key(address);
		struct block_chunk *chunk = hash_map__find(&table->chunks, key);

		if (!chunk) {
			chunk = hash_map__add(&table->chunks, key);
			if (!chunk)
				return -errno;
			memset(chunk->spans, 0xff, sizeof(chunk->spans));
		}
		if (chunk->spans[page_of(address)] == SPAN_NONE)
			chunk->spans[page_of(address)] = i;
	}
	return 0;
}

static int index_spans(struct block_table *table)
{
	int err;

	table->chunks = (struct hash_map){.entry_bytes = sizeof(struct block_chunk),
					  .account = table->account};
	err = hash_map__reserve(&table->chunks, count_chunks(table));
	for (size_t i = 0; i < table->span_cnt && !err; i++)
		err = index_span(table, (uint32_t)i);
	return err;
}

int block_table__init(struct block_table *table, const struct heap *heap)
{
	_cleanup_(block_table__release) struct block_table made = {.account = heap->account};
	int err = 0;

	for (size_t i = 0; i < heap->region_cnt && !err; i++)
		err = add_region(&made, heap, &heap->regions[i]);
	if (!err)
		err = index_spans(&made);
	if (err)
		return err;
	made.words = account__calloc(made.account, (size_t)made.place_cnt + 1, sizeof(*made.words));
	if (!made.words)
		return -errno;
	*table = made;
	made = (struct block_table){};
	return 0;
}

void block_table__release(struct block_table *table)
{
	account__free(table->spans);
	account__free(table->words);
	account__free(table->large);
	hash_map__release(&table->chunks);
	*table = (struct block_table){};
}

/*
 * Of the spans from @first on, which is in the page of @address, the last that begins at or before
 * @address.
 */
static const struct block_span *find_in_page(const struct block_table *table,
					     const struct block_span *first, uint64_t address)
{
	size_t left = (size_t)(table->spans + table->span_cnt - first), cnt;

	if (left > SPANS_PER_PAGE_MAX)
		left = SPANS_PER_PAGE_MAX;
	cnt = PARTITION_POINT(span, first, left, span->address <= address);
	return cnt ? &first[cnt - 1] : first;
}

/* The last large span that begins at or before @address; NULL: there is none. */
static const struct block_span *find_large(const struct block_table *table, uint64_t address)
{
	size_t cnt = PARTITION_POINT(large, table->large, table->large_cnt,
				     table->spans[*large].address <= address);

	return cnt ? &table->spans[table->large[cnt - 1]] : NULL;
}

uint32_t block_table__locate(const struct block_table *table, uint64_t address, uint64_t *start)
{
	const struct block_chunk *chunk = hash_map__find(&table->chunks, chunk_key(address));
	const struct block_span *span;
	uint64_t offset, index;

	if (chunk && chunk->spans[page_of(address)] != SPAN_NONE)
		span = &table->spans[chunk->spans[page_of(address)]];
	else
		span = find_large(table, address);
	if (span && address < span->address)
		span = find_large(table, address);
	if (!span)
		return PLACE_NONE;
	if (address >= end_of(span))
		span = find_in_page(table, span, address);
	offset = address - span->address;
	if (offset < span->first_block)
		return PLACE_NONE;
	index = (offset - span->first_block) / span->block_size;
	*start = span->address + span->first_block + index * span->block_size;
	return index < span->block_cnt ? span->first_place + (uint32_t)index : PLACE_NONE;
}

uint32_t block_table__find(const struct block_table *table, uint64_t address)
{
	uint64_t start;

	return block_table__locate(table, address, &start);
}

/*
 * This loop does without PARTITION_POINT(): the compiler makes it free of branches within, which is
 * a third faster for places in random order.
 */
const struct block_span *block_table__span_of(const struct block_table *table, uint32_t place)
{
	size_t low = 0, high = table->span_cnt;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (table->spans[middle].first_place <= place)
			low = middle;
		else
			high = middle;
	}
	return &table->spans[low];
}

uint64_t block_table__address(const struct block_table *table, uint32_t place)
{
	const struct block_span *span = block_table__span_of(table, place);

	return span->address + span->first_block +
	       (uint64_t)(place - span->first_place) * span->block_size;
}

size_t block_table__first_span(const struct block_table *table, uint64_t address)
{
	return PARTITION_POINT(span, table->spans, table->span_cnt, span->address < address);
}
