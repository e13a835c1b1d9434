// SPDX-License-Identifier: BSD-2-Clause
#include "census/retained.h"

#include <errno.h>

#include "util/bits.h"
#include "util/cleanup.h"

/* Any Python has more interned strings. */
#define INTERNED_MIN 500

void retained__release(struct retained *retained)
{
	dominators__release(&retained->dominators);
	account__free(retained->bytes);
	*retained = (struct retained){};
}

uint32_t retained__owner(const struct graph *graph, size_t index, uint64_t outside_bytes)
{
	const struct outside_object *outside = &graph->outside[index];

	if (outside->type != TYPE_NONE)
		return graph->census->blocks.place_cnt + (uint32_t)index;
	/* A word is a pointer to a buffer if malloc has an allocation there. */
	return !outside->is_shared && (outside->is_buffer || outside_bytes) ? outside->owner
									    : NODE_NONE;
}

bool retained__is_weak_root(const struct roots *roots, const struct retention *retention,
			    size_t index)
{
	const struct root *root = &roots->roots[index];
	uint32_t holder, first;

	return (root->kind == ROOT_FRAME || root->kind == ROOT_DATA) &&
	       (retention__holder(retention, root->node, &holder, &first) != RETENTION_ROOT ||
		roots->roots[first].kind != root->kind);
}

/* Whether @root is a dict that only the interpreter holds, and how many of its keys are values. */
static uint64_t count_interned(const struct graph *graph, const struct retention *retention,
			       const struct root *root)
{
	uint32_t holder, first;
	uint64_t cnt = 0;

	if ((root->kind != ROOT_INTERPRETER && root->kind != ROOT_DATA) ||
	    graph->census->dict_type == TYPE_NONE ||
	    graph__type(graph, root->node) != graph->census->dict_type ||
	    retention__holder(retention, root->node, &holder, &first) != RETENTION_ROOT)
		return 0;
	/* The value of an entry follows its key. */
	for (uint64_t i = graph->starts[root->node]; i + 1 < graph->starts[root->node + 1]; i++)
		cnt += graph->edges[i] == graph->edges[i + 1];
	return 3 * cnt > graph->starts[root->node + 1] - graph->starts[root->node] ? cnt : 0;
}

/* The table of interned strings, if these can be freed. Each key is its value. */
static uint32_t find_interned(const struct graph *graph, const struct roots *roots,
			      const struct retention *retention)
{
	uint64_t most = INTERNED_MIN;
	uint32_t table = NODE_NONE;

	if (graph->census->major == 3 && graph->census->minor == 12)
		return NODE_NONE;
	for (size_t i = 0; i < roots->cnt; i++) {
		uint64_t cnt = count_interned(graph, retention, &roots->roots[i]);

		if (cnt <= most)
			continue;
		most = cnt;
		table = roots->roots[i].node;
	}
	return table;
}

static int find_dominators(struct retained *retained, const struct graph *graph,
			   const struct roots *roots, const struct retention *retention)
{
	struct account *account = graph->census->heap->account;
	_cleanup_account_free_ uint32_t *nodes =
		account__calloc(account, roots->cnt + 1, sizeof(*nodes));
	_cleanup_account_free_ uint8_t *is_end =
		nodes ? account__calloc(account, 1, bits__bytes(graph->node_cnt)) : NULL;
	size_t cnt = 0;

	if (!is_end)
		return -errno;
	retained->interned = find_interned(graph, roots, retention);
	if (retained->interned != NODE_NONE)
		bits__set(is_end, retained->interned);
	for (size_t i = 0; i < roots->cnt; i++)
		if (!retained__is_weak_root(roots, retention, i))
			nodes[cnt++] = roots->roots[i].node;
	return dominators__find(&retained->dominators,
				&(struct flow_graph){
					.node_cnt = graph->node_cnt,
					.starts = graph->starts,
					.edges = graph->edges,
					.is_end = is_end,
					.roots = nodes,
					.root_cnt = cnt,
				},
				account);
}

/* Sets what each node has of its own. */
static void measure_blocks(struct retained *retained, const struct block_table *blocks)
{
	for (size_t i = 0; i < blocks->span_cnt; i++) {
		const struct block_span *span = &blocks->spans[i];

		for (uint32_t j = 0; j < span->block_cnt; j++) {
			uint32_t place = span->first_place + j;

			if (block_kind__role(blocks->words[place]) == BLOCK_FREE)
				continue;
			retained->bytes[place] = span->block_size;
			retained->total.bytes += span->block_size;
			retained->total.cnt++;
		}
	}
}

static void measure_outside(struct retained *retained, const struct graph *graph,
			    const uint64_t *outside_bytes)
{
	for (size_t i = 0; i < graph->outside_cnt; i++) {
		uint64_t bytes = outside_bytes ? outside_bytes[i] : 0;
		uint32_t owner = retained__owner(graph, i, bytes);

		retained->total.bytes += bytes;
		retained->total.cnt += graph->outside[i].type != TYPE_NONE;
		if (owner == NODE_NONE)
			retained->unowned_bytes += bytes;
		else
			retained->bytes[owner] += bytes;
	}
}

/* Sums up what no root leads to. */
static void measure_unreached(struct retained *retained, const struct graph *graph)
{
	for (uint32_t node = 0; node < graph->node_cnt; node++) {
		enum block_role role;
		struct retained_sum *sum;

		if (retained->dominators.parents[node] != DOMINATOR_NONE)
			continue;
		role = block_kind__role(graph__kind(graph, node));
		sum = role == BLOCK_FREE_LISTED ? &retained->free_listed : &retained->unreached;
		sum->cnt += role != BLOCK_FREE;
		sum->bytes += retained->bytes[node];
	}
}

/* Adds what each node has to its dominator, from the last to the first. */
static void add_to_dominators(struct retained *retained)
{
	const struct dominators *dominators = &retained->dominators;

	for (uint32_t i = dominators->reached_cnt; i; i--) {
		uint32_t node = dominators->order[i - 1], parent = dominators->parents[node];

		if (parent != DOMINATOR_ROOT)
			retained->bytes[parent] += retained->bytes[node];
	}
}

int retained__find(struct retained *out, const struct graph *graph, const struct roots *roots,
		   const struct retention *retention, const uint64_t *outside_bytes)
{
	_cleanup_(retained__release) struct retained retained = {};
	struct account *account = graph->census->heap->account;
	int err = find_dominators(&retained, graph, roots, retention);

	if (err)
		return err;
	retained.bytes = account__calloc(account, graph->node_cnt + 1UL, sizeof(*retained.bytes));
	if (!retained.bytes)
		return -errno;
	measure_blocks(&retained, &graph->census->blocks);
	measure_outside(&retained, graph, outside_bytes);
	measure_unreached(&retained, graph);
	add_to_dominators(&retained);
	*out = retained;
	retained = (struct retained){};
	return 0;
}
