// SPDX-License-Identifier: BSD-2-Clause
#include "report/pin_holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/value.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/id_table.h"

#define VALUE_CHARACTERS 40
#define PYOBJECT_BYTES	 16
/* PyTuple_MAXSAVESIZE, Include/internal/pycore_tuple.h; longer ones are not kept */
#define PARKED_ITEMS_MAX 20

/* A live block in a pinned arena. */
struct pin {
	uint32_t node;
	double hostage_bytes;
};

struct work {
	struct pin_holders *holders;
	const struct pinned *pinned;
	const struct graph *graph;
	const struct roots *roots;
	struct retention *retention;
	const struct pin_holders_options *options;
	struct pin *pins;
	size_t pin_cnt, pin_capacity;
	struct id_table kinds, paths; /* rows by what they are of */
};

static void free_rows(struct pin_ranking *ranking)
{
	for (size_t i = 0; i < ranking->cnt; i++)
		free(ranking->rows[i].path);
	free(ranking->rows);
}

void pin_holders__release(struct pin_holders *holders)
{
	for (size_t i = 0; i < holders->story_cnt; i++) {
		free(holders->stories[i].value);
		free(holders->stories[i].path);
	}
	free(holders->stories);
	free_rows(&holders->by_kind);
	free_rows(&holders->by_path);
	*holders = (struct pin_holders){};
}

static int add_pins_of(struct work *work, const struct pinned_arena *arena)
{
	const struct census *census = work->graph->census;
	const struct block_table *blocks = &census->blocks;
	uint64_t arena_size = census->heap->geometry.arena_size;
	double part = (double)(arena_size - arena->live_bytes) / arena->live_blocks;

	for (size_t i = block_table__first_pool(blocks, arena->address);
	     i < blocks->pool_cnt && blocks->pools[i].address < arena->address + arena_size; i++)
		for (uint32_t j = 0; j < blocks->pools[i].block_cnt; j++) {
			uint32_t node = blocks->pools[i].first_place + j;

			if (block_kind__role(blocks->words[node]) == BLOCK_FREE)
				continue;
			if (work->pin_cnt == PIN_BLOCKS_MAX) {
				work->holders->unseen_blocks++;
				continue;
			}
			if (ARRAY_RESERVE(work->pins, work->pin_capacity, work->pin_cnt + 1))
				return -ENOMEM;
			work->pins[work->pin_cnt++] =
				(struct pin){.node = node, .hostage_bytes = part};
		}
	return 0;
}

static int learn(struct work *work)
{
	_cleanup_free_ uint32_t *nodes = calloc(work->pin_cnt + 1, sizeof(*nodes));

	if (!nodes)
		return -ENOMEM;
	for (size_t i = 0; i < work->pin_cnt; i++)
		nodes[i] = work->pins[i].node;
	return retention__learn(work->retention, nodes, work->pin_cnt);
}

static int make_path(const struct work *work, const struct retention_path *path, bool generic,
		     char **out)
{
	const struct path_text_options options = {.no_values = work->options->no_values,
						  .generic = generic};

	return path_text__make(out, work->graph, work->roots, path, &options);
}

/* A tuple is parked among those of as many items: PyVarObject's ob_size still says how many. */
static int count_parked_items(const struct work *work, uint32_t place, struct pin_story *story)
{
	const struct census *census = work->graph->census;
	uint32_t kind = census->blocks.words[place];
	int err;

	if (!(census__object_type(census, kind)->flags & TYPE_TUPLE_SUBCLASS))
		return 0;
	err = memory__read(census->memory,
			   block_table__address(&census->blocks, place) +
				   census__object_offset(census, kind) + PYOBJECT_BYTES,
			   &story->items, sizeof(story->items));
	story->has_items = !err && story->items <= PARKED_ITEMS_MAX;
	return memory__is_missing(err) ? 0 : err;
}

static int find_story(const struct work *work, uint64_t address, struct pin_story *story)
{
	uint32_t place = block_table__find(&work->graph->census->blocks, address);
	_cleanup_(retention_path__release) struct retention_path path = {};
	int err = 0;

	if (place == PLACE_NONE)
		return 0;
	if (block_kind__role(work->graph->census->blocks.words[place]) == BLOCK_PARKED)
		return count_parked_items(work, place, story);
	if (!work->options->no_values)
		err = value__describe(&story->value, work->graph->census,
				      graph__address(work->graph, place),
				      graph__type(work->graph, place), VALUE_CHARACTERS);
	if (!err)
		err = retention__path(work->retention, place, &path);
	if (err || !path.step_cnt)
		return err;
	if (path.root) {
		story->root_kind = path.root->kind;
		story->root_name = work->roots->labels[path.root->label];
	}
	return make_path(work, &path, false, &story->path);
}

static int find_stories(struct work *work)
{
	struct pin_holders *holders = work->holders;
	int err = 0;

	holders->stories = calloc(work->pinned->block_cnt + 1, sizeof(*holders->stories));
	if (!holders->stories)
		return -ENOMEM;
	holders->story_cnt = work->pinned->block_cnt;
	for (size_t i = 0; i < holders->story_cnt && !err; i++)
		err = find_story(work, work->pinned->blocks[i].address, &holders->stories[i]);
	return err;
}

static bool is_of_kind(const void *owner, uint32_t id, const void *key)
{
	return ((const struct pin_ranking *)owner)->rows[id].kind == *(const uint32_t *)key;
}

static bool is_of_path(const void *owner, uint32_t id, const void *key)
{
	const char *path = ((const struct pin_ranking *)owner)->rows[id].path;

	return path && key ? !strcmp(path, key) : !path && !key;
}

/* The row of what @key is, a new one if need be. */
static int find_row(struct pin_ranking *ranking, struct id_table *ids, id_table_match *match,
		    const void *key, size_t key_bytes, struct pin_row **out)
{
	uint32_t hash = id_table__hash(key, key_bytes),
		 id = id_table__find(ids, hash, match, ranking, key);
	int err = 0;

	if (id == ID_TABLE_NONE) {
		err = ARRAY_RESERVE(ranking->rows, ranking->capacity, ranking->cnt + 1);
		if (!err)
			err = id_table__add(ids, hash, ranking->cnt);
		if (err)
			return err;
		id = (uint32_t)ranking->cnt++;
		ranking->rows[id] = (struct pin_row){};
	}
	*out = &ranking->rows[id];
	return 0;
}

static void count(struct pin_row *row, const struct work *work, const struct pin *pin)
{
	row->blocks++;
	row->bytes += graph__block_bytes(work->graph, pin->node);
	row->hostage_bytes += pin->hostage_bytes;
}

static int rank_pin(struct work *work, const struct pin *pin)
{
	const struct census *census = work->graph->census;
	uint32_t kind = graph__kind(work->graph, pin->node);
	_cleanup_(retention_path__release) struct retention_path path = {};
	_cleanup_free_ char *text = NULL;
	struct pin_row *row;
	int err;

	if (work->options->by == BY_TYPE)
		kind = census__plain_kind(census, kind);
	err = find_row(&work->holders->by_kind, &work->kinds, is_of_kind, &kind, sizeof(kind),
		       &row);
	if (err)
		return err;
	row->kind = kind;
	count(row, work, pin);
	err = retention__path(work->retention, pin->node, &path);
	if (!err && path.step_cnt)
		err = make_path(work, &path, true, &text);
	if (!err)
		err = find_row(&work->holders->by_path, &work->paths, is_of_path, text,
			       text ? strlen(text) : 0, &row);
	if (err)
		return err;
	if (!row->path)
		row->path = TAKE_PTR(text);
	row->is_mixed |= row->blocks && row->kind != kind;
	if (!row->blocks)
		row->kind = kind;
	count(row, work, pin);
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

static void sort(struct pin_ranking *ranking)
{
	if (ranking->cnt)
		qsort(ranking->rows, ranking->cnt, sizeof(*ranking->rows), compare_rows);
}

int pin_holders__find(struct pin_holders *out, const struct pinned *pinned,
		      const struct graph *graph, const struct roots *roots,
		      struct retention *retention, const struct pin_holders_options *options)
{
	_cleanup_(pin_holders__release) struct pin_holders holders = {};
	struct work work = {.holders = &holders,
			    .pinned = pinned,
			    .graph = graph,
			    .roots = roots,
			    .retention = retention,
			    .options = options};
	int err = 0;

	for (size_t i = 0; i < pinned->arena_cnt && !err; i++)
		err = add_pins_of(&work, &pinned->arenas[i]);
	if (!err)
		err = learn(&work);
	if (!err)
		err = find_stories(&work);
	for (size_t i = 0; i < work.pin_cnt && !err; i++)
		err = rank_pin(&work, &work.pins[i]);
	free(work.pins);
	id_table__release(&work.kinds);
	id_table__release(&work.paths);
	if (err)
		return err;
	sort(&holders.by_kind);
	sort(&holders.by_path);
	*out = holders;
	holders = (struct pin_holders){};
	return 0;
}
