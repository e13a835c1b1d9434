// SPDX-License-Identifier: BSD-2-Clause
/* Counts the blocks of a census. */
#include <errno.h>
#include <stdlib.h>

#include "census/census.h"
#include "census/referrers.h"
#include "util/bits.h"
#include "util/cpu_allowance.h"

/* State while counting. There is a row for each possible group of blocks. */
struct count {
	const struct census *census;
	enum census_by by;
	const struct referrers *referrers;
	struct census_row *rows;
	uint32_t region; /* index of the heap's region that the span is in */
};

static int compare_rows(const void *left, const void *right)
{
	const struct census_row *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->arena != b->arena)
		return a->arena < b->arena ? -1 : 1;
	return (a->set > b->set) - (a->set < b->set);
}

/* Rows for each role, part and type. The rows for unknown blocks, by size class, follow them. */
static size_t kind_cnt(const struct census *census)
{
	return (size_t)BLOCK_ROLE_CNT * BLOCK_PART_CNT * type_table__cnt(census->types);
}

static size_t row_cnt(const struct count *count)
{
	switch (count->by) {
	case BY_SIZE:
		return count->census->heap->layout.class_cnt;
	case BY_ARENA:
		return count->census->heap->region_cnt;
	case BY_REFERRERS:
	case BY_VIA:
		return count->referrers->set_cnt;
	default:
		return kind_cnt(count->census) + count->census->heap->layout.class_cnt;
	}
}

static uint32_t size_of_class(const struct census *census, uint8_t size_class)
{
	return (uint32_t)heap_layout__block_size(&census->heap->layout, size_class);
}

static struct census_row *row_of_kind(const struct count *count, uint32_t kind,
				      const struct block_span *span)
{
	const struct census *census = count->census;
	size_t types = type_table__cnt(census->types), group;
	struct census_row *row;

	if (count->by == BY_TYPE)
		kind = census__plain_kind(census, kind);
	group = block_kind__role(kind) * (size_t)BLOCK_PART_CNT + block_kind__part(kind);
	if (block_kind__role(kind) != BLOCK_UNKNOWN) {
		row = &count->rows[group * types + block_kind__type(kind)];
	} else {
		row = &count->rows[kind_cnt(census) + span->size_class];
		row->block_size = size_of_class(census, span->size_class);
	}
	row->kind = kind;
	return row;
}

static struct census_row *row_of(const struct count *count, uint32_t place, uint32_t kind,
				 const struct block_span *span)
{
	struct census_row *row;

	switch (count->by) {
	case BY_SIZE:
		row = &count->rows[span->size_class];
		row->block_size = size_of_class(count->census, span->size_class);
		return row;
	case BY_ARENA:
		row = &count->rows[count->region];
		row->arena = count->census->heap->regions[count->region].address;
		return row;
	case BY_REFERRERS:
	case BY_VIA:
		row = &count->rows[count->referrers->of_places[place]];
		row->set = count->referrers->of_places[place];
		return row;
	default:
		return row_of_kind(count, kind & ~BLOCK_TRACKED, span);
	}
}

static bool is_hidden(const struct count *count, uint32_t place)
{
	return count->census->hidden && bits__get(count->census->hidden, place);
}

static void count_span(struct count *count, const struct block_span *span)
{
	bool by_place = count->by == BY_REFERRERS || count->by == BY_VIA;
	const struct heap *heap = count->census->heap;
	struct census_row *row = NULL;
	uint32_t last_kind = 0; /* most blocks of a span are of the same kind as the one before */

	/* Spans and regions are both sorted by address. */
	while (span->address >= region__end(&heap->regions[count->region]))
		count->region++;
	for (uint32_t i = 0; i < span->block_cnt; i++) {
		uint32_t kind = count->census->blocks.words[span->first_place + i];

		if (block_kind__role(kind) == BLOCK_FREE || is_hidden(count, span->first_place + i))
			continue;
		if (!row || by_place || kind != last_kind)
			row = row_of(count, span->first_place + i, kind, span);
		last_kind = kind;
		row->blocks++;
		row->tracked_blocks += !!(kind & BLOCK_TRACKED);
		row->bytes += span->block_size;
	}
}

int census__count(const struct census *census, enum census_by by, const struct referrers *referrers,
		  struct census_rows *out)
{
	struct count count = {.census = census, .by = by, .referrers = referrers};
	size_t cnt = row_cnt(&count);
	int err = 0;

	count.rows = account__calloc(census->heap->account, cnt + 1, sizeof(*count.rows));
	if (!count.rows)
		return -errno;
	*out = (struct census_rows){.rows = count.rows};
	for (size_t i = 0; i < census->blocks.span_cnt && !(err = cpu_allowance__check()); i++)
		count_span(&count, &census->blocks.spans[i]);
	if (err)
		return err;
	for (size_t i = 0; i < cnt; i++) {
		if (!count.rows[i].blocks)
			continue;
		out->blocks += count.rows[i].blocks;
		out->bytes += count.rows[i].bytes;
		count.rows[out->cnt++] = count.rows[i];
	}
	return account__sort(census->heap->account, count.rows, out->cnt, sizeof(*count.rows),
			     compare_rows);
}

void census_rows__release(struct census_rows *rows)
{
	account__free(rows->rows);
	*rows = (struct census_rows){};
}
