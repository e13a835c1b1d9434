// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/pin_ranking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

void pins__release(struct pins *pins)
{
	account__free(pins->items);
	*pins = (struct pins){};
}

/* Bytes of an arena that were in use and are free now: neither live nor never used. */
static uint64_t freed_bytes_in(const struct heap *heap, const struct pinned_region *arena)
{
	const struct region *mapped = heap__find_region(heap, arena->address);
	uint64_t used = mapped ? mapped->carved_end - arena->address : 0;

	return used > arena->live_bytes ? used - arena->live_bytes : 0;
}

static int add_pins_of(struct pins *pins, const struct census *census, const struct pinned *pinned,
		       uint32_t index)
{
	const struct pinned_region *arena = &pinned->regions[index];
	const struct block_table *blocks = &census->blocks;
	struct pin part = {
		.arena = index,
		.hostage_bytes = (double)(arena->size - arena->live_bytes) / arena->live_blocks,
		.freed_bytes = (double)freed_bytes_in(census->heap, arena) / arena->live_blocks,
	};

	for (size_t i = block_table__first_span(blocks, arena->address);
	     i < blocks->span_cnt && blocks->spans[i].address < arena->address + arena->size; i++)
		for (uint32_t j = 0; j < blocks->spans[i].block_cnt; j++) {
			int err;

			part.place = blocks->spans[i].first_place + j;
			if (block_kind__role(blocks->words[part.place]) == BLOCK_FREE)
				continue;
			if (pins->cnt == PIN_BLOCKS_MAX) {
				pins->unseen_blocks++;
				continue;
			}
			err = ACCOUNT_RESERVE(census->heap->account, pins->items, pins->capacity,
					      pins->cnt + 1);
			if (err)
				return err;
			pins->items[pins->cnt++] = part;
		}
	return 0;
}

int pins__find(struct pins *out, const struct census *census, const struct pinned *pinned)
{
	_cleanup_(pins__release) struct pins pins = {};
	int err = 0;

	for (uint32_t i = 0; i < pinned->region_cnt && !err; i++)
		err = add_pins_of(&pins, census, pinned, i);
	if (err)
		return err;
	*out = pins;
	pins = (struct pins){};
	return 0;
}

void pin_ranking__release(struct pin_ranking *ranking)
{
	for (size_t i = 0; i < ranking->cnt; i++)
		account__free(ranking->rows[i].path);
	account__free(ranking->rows);
	id_table__release(&ranking->ids);
	*ranking = (struct pin_ranking){};
}

static bool is_of_kind(const void *owner, uint32_t id, const void *key)
{
	return ((const struct pin_ranking *)owner)->rows[id].kind == *(const uint32_t *)key;
}

static bool is_of_path(const void *owner, uint32_t id, const void *key)
{
	const char *path = ((const struct pin_ranking *)owner)->rows[id].path;

	return path && !strcmp(path, key);
}

/*
 * Whether a row is the one for blocks without a path that are, or are not, on a free list, as @key
 * says.
 */
static bool has_no_path(const void *owner, uint32_t id, const void *key)
{
	const struct pin_row *row = &((const struct pin_ranking *)owner)->rows[id];

	return !row->path && row->is_free_listed == *(const bool *)key;
}

/* The row that matches @key; adds one if there is none. */
static int find_row(struct pin_ranking *ranking, id_table_match *match, const void *key,
		    size_t key_bytes, struct pin_row **out)
{
	uint64_t hash = hash__bytes(key, key_bytes);
	uint32_t id = id_table__find(&ranking->ids, hash, match, ranking, key);
	int err = 0;

	if (id == ID_TABLE_NONE) {
		ranking->ids.map.account = ranking->account;
		err = ID_TABLE_APPEND(&ranking->ids, hash, ranking->rows, ranking->capacity,
				      ranking->cnt);
		if (err)
			return err;
		id = (uint32_t)ranking->cnt++;
		ranking->rows[id] = (struct pin_row){};
	}
	*out = &ranking->rows[id];
	return 0;
}

static void count(struct pin_row *row, const struct pin *pin, uint32_t block_bytes)
{
	row->blocks++;
	row->bytes += block_bytes;
	row->hostage_bytes += pin->hostage_bytes;
	row->freed_bytes += pin->freed_bytes;
}

int pin_ranking__count_kind(struct pin_ranking *ranking, uint32_t kind, const struct pin *pin,
			    uint32_t block_bytes)
{
	struct pin_row *row;
	int err = find_row(ranking, is_of_kind, &kind, sizeof(kind), &row);

	if (err)
		return err;
	row->kind = kind;
	count(row, pin, block_bytes);
	return 0;
}

int pin_ranking__count_path(struct pin_ranking *ranking, const char *path, uint32_t kind,
			    const struct pin *pin, uint32_t block_bytes)
{
	_cleanup_account_free_ char *copy = path ? account__strdup(ranking->account, path) : NULL;
	bool is_free_listed = !path && block_kind__role(kind) == BLOCK_FREE_LISTED;
	struct pin_row *row;
	int err;

	if (path && !copy)
		return -errno;
	err = path ? find_row(ranking, is_of_path, path, strlen(path), &row)
		   : find_row(ranking, has_no_path, &is_free_listed, sizeof(is_free_listed), &row);
	if (err)
		return err;
	if (!row->path)
		row->path = TAKE_PTR(copy);
	row->is_free_listed = is_free_listed;
	row->is_mixed |= row->blocks && row->kind != kind;
	if (!row->blocks)
		row->kind = kind;
	count(row, pin, block_bytes);
	return 0;
}

static int compare_rows(const void *left, const void *right)
{
	const struct pin_row *a = left, *b = right;

	if (a->hostage_bytes != b->hostage_bytes)
		return a->hostage_bytes < b->hostage_bytes ? 1 : -1;
	if (a->path && b->path)
		return strcmp(a->path, b->path);
	return (a->kind > b->kind) - (a->kind < b->kind);
}

void pin_ranking__sort(struct pin_ranking *ranking)
{
	if (ranking->cnt)
		qsort(ranking->rows, ranking->cnt, sizeof(*ranking->rows), compare_rows);
	id_table__release(&ranking->ids); /* the rows have moved */
}

uint32_t pin_ranking__kind(const struct census *census, uint32_t place, enum census_by by)
{
	uint32_t kind = census->blocks.words[place] & ~BLOCK_TRACKED;

	return by == BY_TYPE ? census__plain_kind(census, kind) : kind;
}

int pin_ranking__by_kind(struct pin_ranking *out, const struct pins *pins,
			 const struct census *census, enum census_by by)
{
	_cleanup_(pin_ranking__release) struct pin_ranking ranking = {
		.account = census->heap->account,
	};
	int err = 0;

	for (size_t i = 0; i < pins->cnt && !err; i++) {
		const struct pin *pin = &pins->items[i];

		err = pin_ranking__count_kind(
			&ranking, pin_ranking__kind(census, pin->place, by), pin,
			block_table__span_of(&census->blocks, pin->place)->block_size);
	}
	if (err)
		return err;
	pin_ranking__sort(&ranking);
	*out = ranking;
	ranking = (struct pin_ranking){};
	return 0;
}
