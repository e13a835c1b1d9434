// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/outside_objects.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/account.h"
#include "util/cleanup.h"

#define CHUNK_HEAD_BYTES 16 /* struct malloc_chunk up to the memory that the program gets */
#define CHUNK_BYTES_MIN	 32
#define CHUNK_ALIGNMENT	 16
#define SIZE_FLAGS	 7UL
#define PREV_INUSE	 1UL
#define IS_MMAPPED	 2UL

#define BATCH 1024

/* A possible allocation: a reference may lead anywhere. */
struct candidate {
	size_t index;	     /* in the graph's outside[] */
	uint64_t address;    /* of the memory that the program gets */
	uint64_t start, end; /* of the region that it is in */
	uint64_t next;	     /* where the next candidate begins that is certain */
	uint64_t word;	     /* that was read: its size, later that of the chunk after it */
	uint64_t size;	     /* of the chunk */
	bool is_chunk, is_mapped;
};

struct search {
	struct outside_objects *objects;
	const struct graph *graph;
	struct account *account;
	struct candidate *candidates;
	size_t cnt, capacity;
};

void outside_objects__release(struct outside_objects *objects)
{
	account__free(objects->rows);
	account__free(objects->kinds);
	account__free(objects->sizes);
	*objects = (struct outside_objects){};
}

/*
 * Where the allocation that contains an object begins: PyGC_Head and other words may precede the
 * object.
 */
static uint64_t start_of(const struct graph *graph, const struct outside_object *outside)
{
	const struct census *census = graph->census;

	if (outside->type == TYPE_NONE)
		return outside->address;
	return outside->address -
	       object_layout__object_offset(&census->layout,
					    type_table__at(census->types, outside->type)->flags);
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

static int find_candidates(struct search *search, const struct memory_use *use)
{
	const struct graph *graph = search->graph;
	const struct shared_types shared = find_shared_types(graph->census);

	for (size_t i = 0; i < graph->outside_cnt; i++) {
		uint64_t address = start_of(graph, &graph->outside[i]);
		const struct memory_region *region = memory_use__region_at(use, address);
		int err;

		if (!region || region->part != MEMORY_MALLOC || address % CHUNK_ALIGNMENT ||
		    address - region->start < CHUNK_HEAD_BYTES ||
		    is_shared(&shared, graph->outside[i].type))
			continue;
		err = ACCOUNT_RESERVE(search->account, search->candidates, search->capacity,
				      search->cnt + 1);
		if (err)
			return err;
		search->candidates[search->cnt++] = (struct candidate){.index = i,
								       .address = address,
								       .start = region->start,
								       .end = region->end,
								       .is_chunk = true};
	}
	return 0;
}

/* Reads the size of each chunk or, with @behind, of the chunk after it. */
static int read_sizes(struct search *search, bool behind)
{
	const struct memory *memory = search->graph->census->memory;
	_cleanup_free_ struct memory_range *ranges = calloc(BATCH, sizeof(*ranges));
	int err = 0;

	if (!ranges)
		return -ENOMEM;
	for (size_t from = 0; from < search->cnt && !err; from += BATCH) {
		size_t cnt = search->cnt - from < BATCH ? search->cnt - from : BATCH;

		for (size_t i = 0; i < cnt; i++) {
			struct candidate *candidate = &search->candidates[from + i];

			ranges[i] = (struct memory_range){
				.address = candidate->address - sizeof(uint64_t) +
					   (behind ? candidate->size : 0),
				.buffer = &candidate->word,
				.size = sizeof(candidate->word),
			};
		}
		err = memory__read_ranges(memory, ranges, cnt);
		for (size_t i = 0; i < cnt; i++)
			search->candidates[from + i].is_chunk &= !ranges[i].failed;
	}
	return err;
}

/* Keeps candidates whose own size can be that of a chunk. */
static void take_sizes(struct search *search)
{
	size_t kept = 0;

	for (size_t i = 0; i < search->cnt; i++) {
		struct candidate candidate = search->candidates[i];
		uint64_t chunk = candidate.address - CHUNK_HEAD_BYTES;

		candidate.size = candidate.word & ~SIZE_FLAGS;
		if (!candidate.is_chunk || candidate.size < CHUNK_BYTES_MIN ||
		    candidate.size % CHUNK_ALIGNMENT || candidate.size > candidate.end - chunk)
			continue;
		search->candidates[kept++] = candidate;
	}
	search->cnt = kept;
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

/*
 * Keeps chunks that are in use. A chunk with a mapping of its own is, and is at the start of its
 * mapping; for others, the flags of the next chunk say so.
 */
static void keep_used(struct search *search, const uint64_t *own_words)
{
	size_t kept = 0;

	for (size_t i = 0; i < search->cnt; i++) {
		struct candidate candidate = search->candidates[i];

		candidate.is_mapped = own_words[i] & IS_MMAPPED;
		if (candidate.is_mapped ? candidate.address - candidate.start == CHUNK_HEAD_BYTES
					: candidate.is_chunk && candidate.word & PREV_INUSE)
			search->candidates[kept++] = candidate;
	}
	search->cnt = kept;
}

static int compare_addresses(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	return (a->address > b->address) - (a->address < b->address);
}

/*
 * Whether a candidate is sure to have a chunk of its own: it is an object or belongs to one. Other
 * references may lead anywhere, even into the middle of a chunk, where any word can look like a
 * size. They only count where there is nothing else.
 */
static bool is_certain(const struct search *search, const struct candidate *candidate)
{
	const struct outside_object *outside = &search->graph->outside[candidate->index];

	return outside->type != TYPE_NONE || outside->is_buffer;
}

/* Drops candidates that overlap one that is certain, or the one before. */
static int drop_overlaps(struct search *search)
{
	struct candidate *items = search->candidates;
	uint64_t next_certain = UINT64_MAX, end = 0;
	size_t kept = 0;
	int err = account__sort(search->account, items, search->cnt, sizeof(*items),
				compare_addresses);

	if (err)
		return err;
	for (size_t i = search->cnt; i--;) {
		items[i].next = next_certain;
		if (is_certain(search, &items[i]))
			next_certain = items[i].address;
	}
	for (size_t i = 0; i < search->cnt; i++) {
		const struct candidate candidate = items[i];
		uint64_t last = candidate.address - CHUNK_HEAD_BYTES + candidate.size;

		if (candidate.address < end ||
		    (!is_certain(search, &candidate) && last > candidate.next - CHUNK_HEAD_BYTES))
			continue;
		end = last;
		items[kept++] = candidate;
	}
	search->cnt = kept;
	return 0;
}

static void take_chunks(struct search *search)
{
	struct outside_objects *objects = search->objects;

	for (size_t i = 0; i < search->cnt; i++) {
		const struct candidate *candidate = &search->candidates[i];

		/* A chunk with a mapping of its own takes up its whole region. */
		objects->sizes[candidate->index] = candidate->is_mapped
							   ? candidate->end - candidate->address
							   : candidate->size - sizeof(uint64_t);
		objects->kinds[candidate->index] =
			kind_of(search->graph, &search->graph->outside[candidate->index]);
	}
}

static int measure(struct search *search)
{
	_cleanup_account_free_ uint64_t *own_words = NULL;
	int err = read_sizes(search, false);

	if (err)
		return err;
	take_sizes(search);
	own_words = account__calloc(search->account, search->cnt + 1, sizeof(*own_words));
	if (!own_words)
		return -errno;
	for (size_t i = 0; i < search->cnt; i++)
		own_words[i] = search->candidates[i].word;
	err = read_sizes(search, true);
	if (err)
		return err;
	keep_used(search, own_words);
	err = drop_overlaps(search);
	if (err)
		return err;
	take_chunks(search);
	return 0;
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
			  const struct memory_use *use)
{
	_cleanup_(outside_objects__release) struct outside_objects objects = {};
	struct account *account = graph->census->heap->account;
	struct search search = {.objects = &objects, .graph = graph, .account = account};
	int err;

	objects.kinds = account__calloc(account, graph->outside_cnt + 1, sizeof(*objects.kinds));
	if (!objects.kinds)
		return -errno;
	objects.sizes = account__calloc(account, graph->outside_cnt + 1, sizeof(*objects.sizes));
	if (!objects.sizes)
		return -errno;
	err = find_candidates(&search, use);
	if (!err)
		err = measure(&search);
	account__free(search.candidates);
	if (!err)
		err = make_rows(&objects, graph->outside_cnt, account);
	if (err)
		return err;
	*out = objects;
	objects = (struct outside_objects){};
	return 0;
}
