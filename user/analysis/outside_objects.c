// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/outside_objects.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/account.h"
#include "util/cleanup.h"
#include "util/partition_point.h"

struct search {
	struct outside_objects *objects;
	const struct graph *graph;
	const struct heap *malloc;
	struct account *account;
};

void outside_objects__release(struct outside_objects *objects)
{
	account__free(objects->rows);
	account__free(objects->kinds);
	account__free(objects->sizes);
	account__free(objects->blocks);
	*objects = (struct outside_objects){};
}

/*
 * Python 2 stores many numbers in one allocation of about 1000 bytes (Objects/intobject.c,
 * PyIntBlock; Objects/floatobject.c). The word before a number is the value of another, which can
 * look like a size.
 */
struct shared_types {
	uint32_t int_type, float_type; /* TYPE_NONE: each object has an allocation of its own */
};

static struct shared_types find_shared_types(const struct census *census)
{
	if (census->major >= 3)
		return (struct shared_types){TYPE_NONE, TYPE_NONE};
	return (struct shared_types){type_table__built_in(census->types, "int"),
				     type_table__built_in(census->types, "float")};
}

static bool is_shared(const struct shared_types *shared, uint32_t type)
{
	return type != TYPE_NONE && (type == shared->int_type || type == shared->float_type);
}

/* Whether malloc has given out a block at @address, which is in use. */
static bool is_block(const struct heap *malloc, uint64_t address)
{
	return address % malloc->layout.map.alignment == 0 &&
	       block_map__contains(malloc->blocks, address) && heap__region_around(malloc, address);
}

/*
 * The block of the allocation that contains an object: PyGC_Head and other words may precede the
 * object, and the header of debug hooks precedes whatever Python allocates. Since 3.6 it has two of
 * these if pymalloc passes the request on to PyMem_RawMalloc() (Objects/obmalloc.c). 0: it is in
 * none.
 */
static uint64_t block_of(const struct search *search, const struct outside_object *outside)
{
	const struct census *census = search->graph->census;
	uint32_t hook_bytes = census->layout.debug_bytes;
	uint64_t address = outside->address, hooked = address - hook_bytes;

	if (outside->type != TYPE_NONE)
		hooked = address - object_layout__object_offset(
					   &census->layout,
					   type_table__at(census->types, outside->type)->flags);
	if (hook_bytes && is_block(search->malloc, hooked - hook_bytes))
		return hooked - hook_bytes;
	if (is_block(search->malloc, hooked))
		return hooked;
	return outside->type == TYPE_NONE && is_block(search->malloc, address) ? address : 0;
}

static int find_blocks(struct search *search)
{
	const struct graph *graph = search->graph;
	const struct shared_types shared = find_shared_types(graph->census);
	struct outside_objects *objects = search->objects;
	int err = 0;

	for (size_t i = 0; i < graph->outside_cnt && !err; i++) {
		const struct outside_object *outside = &graph->outside[i];
		uint64_t block = block_of(search, outside);

		if (!block || is_shared(&shared, outside->type))
			continue;
		err = ACCOUNT_RESERVE(search->account, objects->blocks, objects->block_capacity,
				      objects->block_cnt + 1);
		if (!err)
			objects->blocks[objects->block_cnt++] = (struct outside_block){
				.block = block,
				.index = i,
				.is_certain = outside->type != TYPE_NONE || outside->is_buffer,
			};
	}
	return err;
}

static uint32_t kind_of(const struct graph *graph, const struct outside_object *outside)
{
	const struct type_table *types = graph->census->types;
	uint32_t owner = graph__type(graph, outside->owner);
	enum block_part part = PART_NONE;
	uint64_t flags;

	if (outside->type != TYPE_NONE)
		return block_kind(BLOCK_OBJECT, PART_NONE, outside->type);
	if (owner == TYPE_NONE)
		return block_kind(BLOCK_UNKNOWN, PART_NONE, 0);
	flags = type_table__at(types, owner)->flags;
	if (flags & TYPE_LIST_SUBCLASS)
		part = PART_ITEMS;
	else if (flags & TYPE_DICT_SUBCLASS)
		part = graph->census->layout.dict_has_table ? PART_TABLE : PART_KEYS;
	else if (type_table__at(types, owner)->is_set)
		part = PART_TABLE;
	return block_kind(BLOCK_BUFFER, outside->is_buffer ? part : PART_NONE, owner);
}

/* By address, of the same block first what certainly is there. */
static int compare_blocks(const void *left, const void *right)
{
	const struct outside_block *a = left, *b = right;

	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	if (a->is_certain != b->is_certain)
		return a->is_certain ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}

static void take_block(struct search *search, const struct outside_block *block)
{
	struct outside_objects *objects = search->objects;
	struct span chunk;

	heap__span_at(search->malloc,
		      heap_layout__span_start(&search->malloc->layout, block->block), &chunk);
	objects->sizes[block->index] = chunk.block_size;
	objects->kinds[block->index] =
		kind_of(search->graph, &search->graph->outside[block->index]);
	objects->chunk_bytes += chunk.size;
}

/* Takes each block once. */
static int take_blocks(struct search *search)
{
	struct outside_objects *objects = search->objects;
	struct outside_block *blocks = objects->blocks;
	int err = account__sort(search->account, blocks, objects->block_cnt, sizeof(*blocks),
				compare_blocks);
	size_t kept = 0;

	for (size_t i = 0; i < objects->block_cnt && !err; i++) {
		if (kept && blocks[kept - 1].block == blocks[i].block)
			continue;
		blocks[kept++] = blocks[i];
		take_block(search, &blocks[i]);
	}
	objects->block_cnt = kept;
	return err;
}

size_t outside_objects__at(const struct outside_objects *objects, uint64_t block)
{
	size_t i =
		PARTITION_POINT(known, objects->blocks, objects->block_cnt, known->block < block);

	return i < objects->block_cnt && objects->blocks[i].block == block
		       ? objects->blocks[i].index
		       : OUTSIDE_NONE;
}

static int compare_kinds(const void *left, const void *right)
{
	const struct outside_row *a = left, *b = right;

	return (a->kind > b->kind) - (a->kind < b->kind);
}

static int compare_bytes(const void *left, const void *right)
{
	const struct outside_row *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return compare_kinds(left, right);
}

/* Makes a row for each allocation, then merges the rows of each kind. */
static int make_rows(struct outside_objects *objects, size_t cnt, struct account *account)
{
	size_t kept = 0;
	int err;

	for (size_t i = 0; i < cnt; i++) {
		if (!objects->sizes[i])
			continue;
		err = ACCOUNT_RESERVE(account, objects->rows, objects->row_capacity,
				      objects->row_cnt + 1);
		if (err)
			return err;
		objects->rows[objects->row_cnt++] =
			(struct outside_row){.kind = objects->kinds[i],
					     .cnt = 1,
					     .bytes = objects->sizes[i]};
		objects->cnt++;
		objects->bytes += objects->sizes[i];
	}
	if (!objects->row_cnt)
		return 0;
	err = account__sort(account, objects->rows, objects->row_cnt, sizeof(*objects->rows),
			    compare_kinds);
	if (err)
		return err;
	for (size_t i = 1; i < objects->row_cnt; i++) {
		if (objects->rows[i].kind != objects->rows[kept].kind) {
			objects->rows[++kept] = objects->rows[i];
			continue;
		}
		objects->rows[kept].cnt++;
		objects->rows[kept].bytes += objects->rows[i].bytes;
	}
	objects->row_cnt = kept + 1;
	return account__sort(account, objects->rows, objects->row_cnt, sizeof(*objects->rows),
			     compare_bytes);
}

int outside_objects__find(struct outside_objects *out, const struct graph *graph,
			  const struct heap *malloc)
{
	_cleanup_(outside_objects__release) struct outside_objects objects = {};
	struct account *account = graph->census->heap->account;
	struct search search = {.objects = &objects,
				.graph = graph,
				.malloc = malloc,
				.account = account};
	int err;

	objects.kinds = account__calloc(account, graph->outside_cnt + 1, sizeof(*objects.kinds));
	if (!objects.kinds)
		return -errno;
	objects.sizes = account__calloc(account, graph->outside_cnt + 1, sizeof(*objects.sizes));
	if (!objects.sizes)
		return -errno;
	err = find_blocks(&search);
	if (!err)
		err = take_blocks(&search);
	if (!err)
		err = make_rows(&objects, graph->outside_cnt, account);
	if (err)
		return err;
	*out = objects;
	objects = (struct outside_objects){};
	return 0;
}
