// SPDX-License-Identifier: BSD-2-Clause
/* A census, counted. */
#include <errno.h>
#include <stdlib.h>

#include "census/census.h"

static int compare_rows(const void *left, const void *right)
{
	const struct census_row *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return (a->kind > b->kind) - (a->kind < b->kind);
}

/* Counters: of each role, part and type; then of blocks that are not known, of each size. */
static size_t counter_cnt(const struct census *census)
{
	return (size_t)BLOCK_ROLE_CNT * BLOCK_PART_CNT * type_table__cnt(census->types) +
	       SIZE_CLASSES_MAX + 1;
}

static size_t counter_of(const struct census *census, uint32_t kind, uint32_t block_size)
{
	size_t types = type_table__cnt(census->types);
	size_t group = block_kind__role(kind) * (size_t)BLOCK_PART_CNT + block_kind__part(kind);

	if (block_kind__role(kind) == BLOCK_UNKNOWN)
		return (size_t)BLOCK_ROLE_CNT * BLOCK_PART_CNT * types +
		       block_size / census->heap->geometry.alignment;
	return group * types + block_kind__type(kind);
}

static void count_pool(const struct census *census, const struct block_pool *pool,
		       enum census_by by, struct census_row *counters)
{
	for (uint32_t i = 0; i < pool->block_cnt; i++) {
		uint32_t kind = census->blocks.words[pool->first_place + i];
		struct census_row *counter;
		bool tracked;

		if (block_kind__role(kind) == BLOCK_FREE)
			continue;
		tracked = kind & BLOCK_TRACKED;
		kind &= ~BLOCK_TRACKED;
		if (by == BY_TYPE)
			kind = census__plain_kind(census, kind);
		counter = &counters[counter_of(census, kind, pool->block_size)];
		counter->kind = kind;
		counter->block_size =
			block_kind__role(kind) == BLOCK_UNKNOWN ? pool->block_size : 0;
		counter->blocks++;
		counter->tracked_blocks += tracked;
		counter->bytes += pool->block_size;
	}
}

int census__count(const struct census *census, enum census_by by, struct census_rows *out)
{
	size_t cnt = counter_cnt(census);
	struct census_row *rows = calloc(cnt, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	*out = (struct census_rows){.rows = rows};
	for (size_t i = 0; i < census->blocks.pool_cnt; i++)
		count_pool(census, &census->blocks.pools[i], by, rows);
	for (size_t i = 0; i < cnt; i++) {
		if (!rows[i].blocks)
			continue;
		out->blocks += rows[i].blocks;
		out->bytes += rows[i].bytes;
		rows[out->cnt++] = rows[i];
	}
	qsort(rows, out->cnt, sizeof(*rows), compare_rows);
	return 0;
}

void census_rows__release(struct census_rows *rows)
{
	free(rows->rows);
	*rows = (struct census_rows){};
}
