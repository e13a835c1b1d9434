// SPDX-License-Identifier: BSD-2-Clause
#include "census/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/pool_reader.h"
#include "census/references.h"
#include "util/cleanup.h"
#include "util/hash.h"
#include "util/id_table.h"

#define HEADER_BYTES  24 /* count, type, size */
#define BATCH_OBJECTS 1024
/* How much of an object outside of arenas is read at most. */
#define OUTSIDE_BYTES_MAX 4096UL
/* How much of its items is read with it. Items in a known layout are read on from there. */
#define OUTSIDE_ITEMS_BYTES 512

/* State while the graph is built. */
struct build {
	struct graph *graph;
	struct references *references;
	struct edge {
		uint32_t from, to, via;
	} * edges;
	size_t edge_cnt, edge_capacity;
	enum graph_vias vias;
	struct id_table via_ids;
	size_t done_cnt; /* objects outside of arenas whose references were read */
	uint8_t *buffer; /* for BATCH_OBJECTS of OUTSIDE_BYTES_MAX and what is in front of each */
};

void graph__free(struct graph *graph)
{
	if (!graph)
		return;
	hash_map__release(&graph->outside_places);
	account__free(graph->outside);
	account__free(graph->edges);
	account__free(graph->starts);
	account__free(graph->edge_vias);
	account__free(graph->vias);
	free(graph);
}

void graph__freep(struct graph **graph)
{
	graph__free(*graph);
}

/* The index of an object in graph->outside. */
struct outside_place {
	uint64_t address;
	uint32_t id;
};

static uint32_t find_outside(const struct graph *graph, uint64_t address)
{
	const struct outside_place *place = hash_map__find(&graph->outside_places, address);

	return place ? graph->census->blocks.place_cnt + place->id : NODE_NONE;
}

/* Whether a block can be at @address. *node: as graph__find(). */
static bool find_in_blocks(const struct graph *graph, uint64_t address, bool loose, uint32_t *node)
{
	const struct census *census = graph->census;
	const struct block_table *blocks = &census->blocks;
	uint32_t place = PLACE_NONE, kind;
	uint64_t start;

	*node = NODE_NONE;
	if (address >= blocks->start && address < blocks->end)
		place = block_table__locate(blocks, address, &start);
	if (place == PLACE_NONE)
		return false;
	kind = blocks->words[place];
	switch (block_kind__role(kind)) {
	case BLOCK_OBJECT:
		if (address == start + census__object_offset(census, kind))
			*node = place;
		return true;
	case BLOCK_BUFFER:
	case BLOCK_UNKNOWN:
		if (loose)
			*node = place;
		return true;
	default:
		return true;
	}
}

uint32_t graph__find(const struct graph *graph, uint64_t address, bool loose)
{
	uint32_t node;

	return find_in_blocks(graph, address, loose, &node) ? node : find_outside(graph, address);
}

uint32_t graph__type_at(const struct graph *graph, uint64_t address)
{
	uint32_t node = graph__find(graph, address, false);

	return node == NODE_NONE ? TYPE_NONE : graph__type(graph, node);
}

uint32_t graph__type(const struct graph *graph, uint32_t node)
{
	uint32_t place_cnt = graph->census->blocks.place_cnt, kind;

	if (node >= place_cnt)
		return graph->outside[node - place_cnt].type;
	kind = graph->census->blocks.words[node];
	return block_kind__role(kind) == BLOCK_OBJECT
		       ? block_kind__type(census__plain_kind(graph->census, kind))
		       : TYPE_NONE;
}

uint32_t graph__kind(const struct graph *graph, uint32_t node)
{
	uint32_t place_cnt = graph->census->blocks.place_cnt, type;

	if (node < place_cnt)
		return graph->census->blocks.words[node] & ~BLOCK_TRACKED;
	type = graph->outside[node - place_cnt].type;
	return type == TYPE_NONE ? block_kind(BLOCK_FREE, PART_NONE, 0)
				 : block_kind(BLOCK_OBJECT, PART_NONE, type);
}

uint64_t graph__address(const struct graph *graph, uint32_t node)
{
	const struct census *census = graph->census;
	uint32_t kind;

	if (node >= census->blocks.place_cnt)
		return graph->outside[node - census->blocks.place_cnt].address;
	kind = census->blocks.words[node];
	return block_table__address(&census->blocks, node) +
	       (block_kind__role(kind) == BLOCK_OBJECT ? census__object_offset(census, kind) : 0);
}

uint64_t graph__block_bytes(const struct graph *graph, uint32_t node)
{
	const struct block_table *blocks = &graph->census->blocks;

	return node < blocks->place_cnt ? block_table__span_of(blocks, node)->block_size : 0;
}

bool graph__counts(const struct graph *graph, uint32_t from, uint32_t to)
{
	return from != to || graph__type(graph, from) != TYPE_NONE;
}

static int add_outside(struct graph *graph, uint32_t owner, const struct reference *reference,
		       uint32_t *node)
{
	uint64_t address = reference->to;
	size_t id = graph->outside_cnt;
	struct outside_place *place;
	int err;

	*node = NODE_NONE;
	if (id + graph->census->blocks.place_cnt >= NODES_MAX)
		return -EFBIG;
	err = ACCOUNT_RESERVE(graph->census->heap->account, graph->outside, graph->outside_capacity,
			      id + 1);
	if (err)
		return err;
	place = hash_map__add(&graph->outside_places, address);
	if (!place)
		return -errno;
	place->id = (uint32_t)id;
	graph->outside[graph->outside_cnt++] = (struct outside_object){
		.address = address,
		.type = TYPE_UNSEEN,
		.owner = owner,
		.is_buffer = reference->how == REFERS_TO_BUFFER,
	};
	*node = graph->census->blocks.place_cnt + (uint32_t)id;
	return 0;
}

static bool is_via(const void *owner, uint32_t id, const void *key)
{
	const struct via *via = &((const struct graph *)owner)->vias[id], *wanted = key;

	return via->how == wanted->how && via->type == wanted->type &&
	       via->detail == wanted->detail;
}

struct via graph__via(const struct graph *graph, uint32_t from, const struct reference *reference)
{
	struct via via = {.how = (uint8_t)reference->how};

	switch (reference->how) {
	case REFERS_BY_KEY:
	case REFERS_BY_ATTRIBUTE:
		via.detail = reference->key;
		break;
	case REFERS_BY_INDEX:
		via.detail = reference->index;
		break;
	case REFERS_BY_WORD:
		via.detail = reference->index;
		via.type = graph__type(graph, from);
		break;
	default:
		break;
	}
	return via;
}

static void fold_via(const struct build *build, const struct reference *reference, struct via *via)
{
	bool is_by_key = via->how == REFERS_BY_KEY;

	if (via->how == REFERS_BY_INDEX || (is_by_key && reference->index >= GRAPH_KEYS_MAX))
		via->detail = 0;
	if ((is_by_key || via->how == REFERS_BY_ATTRIBUTE) &&
	    build->graph->via_cnt >= GRAPH_VIAS_MAX)
		via->detail = 0;
}

static int find_via(struct build *build, uint32_t from, const struct reference *reference,
		    uint32_t *out)
{
	struct graph *graph = build->graph;
	struct via via = graph__via(graph, from, reference);
	uint64_t words[2], hash;
	int err;

	if (build->vias == VIAS_FOLDED)
		fold_via(build, reference, &via);
	words[0] = (uint64_t)via.type << 8 | via.how;
	words[1] = via.detail;
	hash = hash__bytes(words, sizeof(words));
	*out = id_table__find(&build->via_ids, hash, is_via, graph, &via);
	if (*out != ID_TABLE_NONE)
		return 0;
	err = ID_TABLE_APPEND(&build->via_ids, hash, graph->vias, graph->via_capacity,
			      graph->via_cnt);
	if (err)
		return err;
	*out = (uint32_t)graph->via_cnt;
	graph->vias[graph->via_cnt++] = via;
	return 0;
}

static int add_edge(struct build *build, uint32_t from, uint32_t to,
		    const struct reference *reference)
{
	uint32_t via = 0;
	int err;

	if (build->edge_cnt == EDGES_MAX)
		return -EFBIG;
	err = ACCOUNT_RESERVE(build->graph->census->heap->account, build->edges,
			      build->edge_capacity, build->edge_cnt + 1);
	if (!err && build->vias != VIAS_NONE)
		err = find_via(build, from, reference, &via);
	if (err)
		return err;
	build->edges[build->edge_cnt++] = (struct edge){.from = from, .to = to, .via = via};
	return 0;
}

/* A buffer does not become shared by a word elsewhere, which may be stale. */
static void note_sharing(struct graph *graph, uint32_t owner, uint32_t node,
			 const struct reference *reference)
{
	struct outside_object *outside = &graph->outside[node - graph->census->blocks.place_cnt];

	if (outside->owner != owner && (!outside->is_buffer || reference->how == REFERS_TO_BUFFER))
		outside->is_shared = true;
}

static int refer(void *context, uint32_t owner, const struct reference *reference)
{
	bool loose = reference__is_loose(reference);
	struct build *build = context;
	struct graph *graph = build->graph;
	uint32_t to;
	int err = 0;

	if (!find_in_blocks(graph, reference->to, loose, &to)) {
		if (!could_be_object(reference->to))
			return 0;
		to = find_outside(graph, reference->to);
		if (to != NODE_NONE)
			note_sharing(graph, owner, to, reference);
		else if (!heap__region_around(graph->census->heap, reference->to) &&
			 !census__is_shared_memory(graph->census, reference->to))
			err = add_outside(graph, owner, reference, &to);
		if (reference->how == REFERS_TO_BUFFER)
			return err;
	}
	if (err || to == NODE_NONE || !graph__counts(graph, owner, to))
		return err;
	return add_edge(build, owner, to, reference);
}

static int look_at_block(struct build *build, uint32_t place, uint64_t address,
			 const uint8_t *bytes, uint32_t size)
{
	const struct census *census = build->graph->census;
	uint32_t kind = census->blocks.words[place], offset;

	switch (block_kind__role(kind)) {
	case BLOCK_OBJECT:
		offset = census__object_offset(census, kind);
		return references__of(build->references, place,
				      &(struct object_copy){
					      .address = address + offset,
					      .type = block_kind__type(
						      census__plain_kind(census, kind)),
					      .bytes = bytes + offset,
					      .before = offset,
					      .size = size - offset,
				      });
	case BLOCK_BUFFER:
		if (block_kind__part(kind) != PART_NONE)
			return 0; /* covered by the references of its owner */
		return references__scan(build->references, place, bytes, size);
	case BLOCK_UNKNOWN:
		return references__scan(build->references, place, bytes, size);
	default:
		return 0;
	}
}

static int look_at_span(const struct block_span *span, const struct pool_copy *copy, void *context)
{
	struct build *build = context;
	const struct census *census = build->graph->census;
	uint32_t offset = span->first_block, size = pool_reader__copy_bytes(span);
	int err = 0;

	for (uint32_t i = 0; i < span->block_cnt && copy->bytes && !err; i++, offset += size)
		if (block_kind__role(census->blocks.words[span->first_place + i]) != BLOCK_FREE &&
		    pool_copy__has(copy, offset, size))
			err = look_at_block(build, span->first_place + i, span->address + offset,
					    copy->bytes + offset, size);
	return err;
}

static int end_batch(void *context)
{
	struct build *build = context;

	return references__flush(build->references);
}

/* What was read of objects outside of arenas. */
struct headers {
	uint64_t words[BATCH_OBJECTS][HEADER_BYTES / 8];
	struct memory_range ranges[BATCH_OBJECTS];
};

/* Finds out which of outside[from] to outside[to - 1] are objects. */
static int identify(struct build *build, struct headers *headers, size_t from, size_t to)
{
	struct graph *graph = build->graph;
	struct type_table *types = graph->census->types;
	int err;

	for (size_t i = from; i < to; i++)
		headers->ranges[i - from] = (struct memory_range){
			.address = graph->outside[i].address,
			.buffer = headers->words[i - from],
			.size = HEADER_BYTES,
		};
	err = memory__read_ranges(graph->census->memory, headers->ranges, to - from);
	for (size_t i = from; i < to && !err; i++)
		if (!headers->ranges[i - from].failed &&
		    census__could_be_type(graph->census, headers->words[i - from][1]))
			err = type_table__note(types, headers->words[i - from][1]);
	if (!err)
		err = type_table__resolve(types);
	for (size_t i = from; i < to && !err; i++) {
		const uint64_t *words = headers->words[i - from];
		uint32_t number = TYPE_NONE;

		if (!headers->ranges[i - from].failed && !graph->outside[i].is_buffer &&
		    object_layout__is_refcnt(&graph->census->layout, words[0]) &&
		    words[0] & graph->census->layout.refcnt_bits)
			number = type_table__find(types, words[1]);
		graph->outside[i].type = number < TYPE_UNSEEN ? number : TYPE_NONE;
	}
	return err;
}

uint32_t graph__outside_bytes(const struct graph *graph, uint32_t node, uint32_t *before)
{
	const struct census *census = graph->census;
	const struct type *type = type_table__at(census->types, graph__type(graph, node));
	uint64_t size = type->basic_size;

	*before = object_layout__has_managed_dict(&census->layout, type->flags)
			  ? OBJECT_BEFORE_BYTES
			  : 0;
	if (type->item_size && !(type->flags & TYPE_LONG_SUBCLASS))
		size += OUTSIDE_ITEMS_BYTES;
	if (size < HEADER_BYTES)
		size = HEADER_BYTES;
	return *before + (uint32_t)(size < OUTSIDE_BYTES_MAX ? size : OUTSIDE_BYTES_MAX);
}

/* Reads what the objects among outside[from] to outside[to - 1] refer to. */
static int look_at_outside(struct build *build, struct headers *headers, size_t from, size_t to)
{
	struct graph *graph = build->graph;
	struct census *census = graph->census;
	struct memory_range *ranges = headers->ranges;
	size_t cnt = 0, used = 0;
	int err;

	for (size_t i = from; i < to; i++) {
		uint32_t node = census->blocks.place_cnt + (uint32_t)i, before, size;

		if (graph->outside[i].type == TYPE_NONE)
			continue;
		size = graph__outside_bytes(graph, node, &before);
		ranges[cnt++] = (struct memory_range){.address = graph->outside[i].address - before,
						      .buffer = build->buffer + used,
						      .size = size};
		used += size;
	}
	err = memory__read_ranges(census->memory, ranges, cnt);
	cnt = 0;
	for (size_t i = from; i < to && !err; i++) {
		const struct outside_object object = graph->outside[i];
		uint32_t node = census->blocks.place_cnt + (uint32_t)i, before;
		const struct memory_range *range;

		if (object.type == TYPE_NONE)
			continue;
		range = &ranges[cnt++];
		graph__outside_bytes(graph, node, &before);
		if (!range->failed)
			err = references__of(build->references, node,
					     &(struct object_copy){
						     .address = object.address,
						     .type = object.type,
						     .bytes = (uint8_t *)range->buffer + before,
						     .before = before,
						     .size = range->size - before,
					     });
	}
	return err ? err : references__flush(build->references);
}

/*
 * Reads the objects that were found outside of arenas, and what they lead to, until nothing new is
 * found.
 */
static int follow_outside(struct build *build)
{
	struct graph *graph = build->graph;
	_cleanup_free_ struct headers *headers = malloc(sizeof(*headers));
	int err = 0;

	build->buffer = malloc(BATCH_OBJECTS * (OUTSIDE_BYTES_MAX + OBJECT_BEFORE_BYTES));
	if (!headers || !build->buffer)
		return -ENOMEM;
	while (build->done_cnt < graph->outside_cnt && !err) {
		size_t from = build->done_cnt, to = graph->outside_cnt;

		if (to - from > BATCH_OBJECTS)
			to = from + BATCH_OBJECTS;
		build->done_cnt = to;
		err = identify(build, headers, from, to);
		if (!err)
			err = look_at_outside(build, headers, from, to);
	}
	return err;
}

/* Whether @node is outside of arenas and turned out not to be an object. */
static bool leads_to_none(const struct graph *graph, uint32_t node)
{
	uint32_t place_cnt = graph->census->blocks.place_cnt;

	return node >= place_cnt && graph->outside[node - place_cnt].type == TYPE_NONE;
}

/* Sorts the edges by the node they come from, and drops those that do not lead to an object. */
static int sort_edges(struct build *build)
{
	struct graph *graph = build->graph;
	struct account *account = graph->census->heap->account;
	uint32_t *at;

	graph->node_cnt = graph->census->blocks.place_cnt + (uint32_t)graph->outside_cnt;
	graph->starts =
		account__calloc(account, (size_t)graph->node_cnt + 2, sizeof(*graph->starts));
	if (!graph->starts)
		return -errno;
	graph->edges = account__alloc(account, (build->edge_cnt + 1) * sizeof(*graph->edges));
	if (!graph->edges)
		return -errno;
	if (build->vias != VIAS_NONE)
		graph->edge_vias =
			account__alloc(account, (build->edge_cnt + 1) * sizeof(*graph->edge_vias));
	if (build->vias != VIAS_NONE && !graph->edge_vias)
		return -errno;
	/*
	 * While edges are added, starts[n + 1] is the position of the next edge of node n; in the
	 * end, it is where the edges of node n + 1 begin.
	 */
	at = graph->starts + 1;
	for (size_t i = 0; i < build->edge_cnt; i++)
		if (!leads_to_none(graph, build->edges[i].to))
			at[build->edges[i].from + 1]++;
	for (uint32_t i = 1; i <= graph->node_cnt; i++)
		at[i] += at[i - 1];
	for (size_t i = 0; i < build->edge_cnt; i++) {
		const struct edge *edge = &build->edges[i];

		if (leads_to_none(graph, edge->to))
			continue;
		if (graph->edge_vias)
			graph->edge_vias[at[edge->from]] = edge->via;
		graph->edges[at[edge->from]++] = edge->to;
	}
	return 0;
}

static int build_edges(struct build *build)
{
	struct census *census = build->graph->census;
	const struct pool_visitor visitor = {
		.visit = look_at_span,
		.end_batch = end_batch,
		.context = build,
	};
	int err = references__new(&build->references, census, refer, build);

	if (!err)
		err = pool_reader__run(census->heap, &census->blocks, census->memory, &visitor);
	if (!err)
		err = follow_outside(build);
	if (!err)
		build->graph->left_out_cnt = references__left_out(build->references);
	return err ? err : sort_edges(build);
}

int graph__build(struct graph **out, struct census *census, enum graph_vias vias)
{
	_cleanup_(graph__freep) struct graph *graph = calloc(1, sizeof(*graph));
	struct build build = {.graph = graph, .vias = vias};
	int err;

	if (!graph)
		return -ENOMEM;
	graph->census = census;
	graph->outside_places = (struct hash_map){.entry_bytes = sizeof(struct outside_place),
						  .account = census->heap->account};
	build.via_ids.map.account = census->heap->account;
	err = census->blocks.place_cnt < NODES_MAX ? build_edges(&build) : -EFBIG;
	references__free(build.references);
	id_table__release(&build.via_ids);
	account__free(build.edges);
	free(build.buffer);
	if (!err)
		*out = TAKE_PTR(graph);
	return err;
}
