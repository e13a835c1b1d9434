// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/object_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/node_references.h"
#include "census/value.h"
#include "census/via.h"
#include "util/array.h"
#include "util/bits.h"
#include "util/cleanup.h"

#define VALUE_CHARACTERS 40

/*
 * Adds to @relations the nodes that a node refers to or, with @wanted, the nodes that refer to
 * @wanted.
 */
struct collector {
	struct relations *relations;
	const struct graph *graph;
	uint32_t wanted; /* or NODE_NONE */
	bool no_values;
};

static void release_relations(struct relations *relations)
{
	for (size_t i = 0; i < relations->cnt; i++) {
		free(relations->items[i].via);
		free(relations->items[i].value);
	}
	free(relations->items);
}

void object_report__release(struct object_report *report)
{
	free(report->value);
	free(report->path);
	release_relations(&report->referrers);
	release_relations(&report->referents);
	*report = (struct object_report){};
}

static int describe_value(char **out, const struct graph *graph, uint32_t node, bool no_values)
{
	*out = NULL;
	return no_values ? 0
			 : value__describe(out, graph->census, graph__address(graph, node),
					   graph__type(graph, node), VALUE_CHARACTERS);
}

/* Adds @node, which is at one end of @reference; @from is the node that refers. */
static int add_relation(const struct collector *collector, uint32_t node, uint32_t from,
			const struct reference *reference)
{
	struct relations *relations = collector->relations;
	const struct via via = graph__via(collector->graph, from, reference);
	struct relation *relation;
	int err;

	if (relations->cnt == RELATIONS_MAX) {
		relations->omitted_cnt++;
		return 0;
	}
	err = ARRAY_RESERVE(relations->items, relations->capacity, relations->cnt + 1);
	if (err)
		return err;
	relation = &relations->items[relations->cnt++];
	*relation = (struct relation){.address = graph__address(collector->graph, node),
				      .kind = graph__kind(collector->graph, node)};
	err = via__name(&relation->via, collector->graph, &via, collector->no_values);
	return err ? err
		   : describe_value(&relation->value, collector->graph, node, collector->no_values);
}

static int take_reference(void *context, uint32_t owner, const struct reference *reference)
{
	bool loose = reference__is_loose(reference);
	const struct collector *collector = context;
	uint32_t node = graph__find(collector->graph, reference->to, loose);

	if (node == NODE_NONE || !graph__counts(collector->graph, owner, node) ||
	    block_kind__role(graph__kind(collector->graph, node)) == BLOCK_FREE)
		return 0;
	if (collector->wanted == NODE_NONE)
		return add_relation(collector, node, owner, reference);
	return node == collector->wanted ? add_relation(collector, owner, owner, reference) : 0;
}

static bool refers_to(const struct graph *graph, uint32_t from, uint32_t to)
{
	for (uint64_t i = graph->starts[from]; i < graph->starts[from + 1]; i++)
		if (graph->edges[i] == to)
			return true;
	return false;
}

static int find_relations(struct object_report *report, const struct graph *graph, uint32_t node,
			  bool no_values)
{
	_cleanup_(references__freep) struct references *references = NULL;
	struct collector collector = {.relations = &report->referents,
				      .graph = graph,
				      .wanted = NODE_NONE,
				      .no_values = no_values};
	int err = references__new(&references, graph->census, take_reference, &collector);

	if (!err)
		err = node_references__visit(graph, references, node);
	collector.relations = &report->referrers;
	collector.wanted = node;
	for (uint32_t from = 0; from < graph->node_cnt && !err; from++)
		if (refers_to(graph, from, node))
			err = node_references__visit(graph, references, from);
	return err;
}

/* Counts an arena if nothing else in it is alive. */
static void end_arena(struct object_report *report, const struct region *arena, uint64_t live,
		      uint64_t dominated)
{
	if (!live || live != dominated)
		return;
	report->freed_arenas++;
	report->freed_bytes += arena->size;
}

static void count_dominated(struct object_report *report, const struct graph *graph,
			    const uint8_t *dominated)
{
	const struct block_table *blocks = &graph->census->blocks;
	const struct region *arena = NULL;
	uint64_t live = 0, gone = 0;

	for (size_t i = 0; i < blocks->span_cnt; i++) {
		const struct block_span *pool = &blocks->spans[i];

		if (!arena || pool->address >= region__end(arena)) {
			end_arena(report, arena, live, gone);
			live = gone = 0;
			arena = heap__region_around(graph->census->heap, pool->address);
		}
		for (uint32_t j = 0; j < pool->block_cnt; j++) {
			uint32_t place = pool->first_place + j;

			live += block_kind__role(blocks->words[place]) != BLOCK_FREE;
			if (!bits__get(dominated, place))
				continue;
			gone++;
			report->dominated_blocks++;
			report->dominated_bytes += pool->block_size;
		}
	}
	end_arena(report, arena, live, gone);
}

/*
 * Whether an allocation that is no object is freed along with its owner. A word of an object counts
 * as a pointer to a buffer if malloc has an allocation there.
 */
static bool is_buffer_that_goes(const struct outside_object *outside, uint64_t malloc_bytes,
				const uint8_t *dominated)
{
	return outside->type == TYPE_NONE && !outside->is_shared &&
	       (outside->is_buffer || malloc_bytes) && bits__get(dominated, outside->owner);
}

static void count_outside(struct object_report *report, const struct graph *graph,
			  const struct outside_objects *sizes, const uint8_t *dominated)
{
	for (size_t i = 0; i < graph->outside_cnt; i++) {
		uint32_t node = graph->census->blocks.place_cnt + (uint32_t)i;
		uint64_t malloc_bytes = sizes->sizes ? sizes->sizes[i] : 0;
		bool is_object = bits__get(dominated, node),
		     is_buffer = is_buffer_that_goes(&graph->outside[i], malloc_bytes, dominated);

		report->dominated_outside += is_object;
		report->dominated_buffers += is_buffer && !is_object;
		if (is_object || is_buffer)
			report->dominated_outside_bytes += malloc_bytes;
	}
}

/* Whether something is alive at a node that can be described. */
static bool is_alive(const struct graph *graph, uint32_t node)
{
	return node != NODE_NONE && block_kind__role(graph__kind(graph, node)) != BLOCK_FREE;
}

/*
 * The node of the object or block at @address, or of the owner of the chunk of malloc there; sets
 * what the report says of that chunk.
 */
static uint32_t find_node(struct object_report *report, const struct owners_source *source,
			  uint64_t address)
{
	const struct graph *graph = source->graph;
	uint32_t node = block_table__find(&graph->census->blocks, address), owner = NODE_NONE;
	bool has_chunk =
		source->mallocs && mallocs__find_chunk(source->mallocs, address, &report->chunk);

	if (node == PLACE_NONE)
		node = graph__find(graph, address, true);
	if (has_chunk) {
		report->chunk_kind =
			block_kind(report->chunk.state == CHUNK_IN_USE ? BLOCK_UNKNOWN : BLOCK_FREE,
				   PART_NONE, 0);
		owner = chunk_owner__find(source, report->chunk.block, &report->chunk_kind);
	}
	return is_alive(graph, node) ? node : owner;
}

static int describe_node(struct object_report *report, const struct owners_source *source,
			 struct retention *retention, uint32_t node)
{
	const struct graph *graph = source->graph;
	_cleanup_account_free_ uint8_t *dominated = NULL;
	int err;

	report->address = graph__address(graph, node);
	report->kind = graph__kind(graph, node);
	report->block_size = graph__block_bytes(graph, node);
	if (report->block_size)
		report->block = block_table__address(&graph->census->blocks, node);
	for (size_t i = 0; i < source->roots->cnt; i++)
		report->is_root |= source->roots->roots[i].node == node;
	err = describe_value(&report->value, graph, node, source->no_values);
	if (!err)
		err = retention__learn(retention, &node, 1);
	if (!err)
		err = chunk_owner__find_path(&report->path, source, retention, node);
	if (!err)
		err = find_relations(report, graph, node, source->no_values);
	if (!err)
		err = retention__dominated(retention, node, &dominated);
	if (err)
		return err;
	count_dominated(report, graph, dominated);
	count_outside(report, graph, source->outside, dominated);
	return 0;
}

int object_report__find(struct object_report *out, const struct owners_source *source,
			struct retention *retention, uint64_t address)
{
	_cleanup_(object_report__release) struct object_report report = {};
	uint32_t node = find_node(&report, source, address);
	int err = 0;

	if (is_alive(source->graph, node)) {
		err = describe_node(&report, source, retention, node);
	} else if (report.chunk.size) {
		report.is_chunk_only = true;
		report.address = report.chunk.block;
		report.kind = report.chunk_kind;
	} else {
		err = -ENOENT;
	}
	if (err)
		return err;
	*out = report;
	report = (struct object_report){};
	return 0;
}
