// SPDX-License-Identifier: BSD-2-Clause
#include "census/retention.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/node_references.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"
#include "util/partition_point.h"

/* Values of parents[]: the number of a node; or the index of a root, with the highest bit set. */
#define PARENT_NONE UINT32_MAX
#define PARENT_ROOT (1U << 31)

struct retention {
	const struct graph *graph;
	const struct roots *roots;
	uint32_t *parents;
	/* Steps whose names are known, sorted by parent and node. */
	struct retention_step *learned;
	size_t learned_cnt, learned_capacity;
};

void retention__free(struct retention *retention)
{
	if (!retention)
		return;
	account__free(retention->parents);
	account__free(retention->learned);
	free(retention);
}

void retention__freep(struct retention **retention)
{
	retention__free(*retention);
}

/* Nodes that were reached and whose edges have not been followed yet. */
struct queue {
	uint32_t *nodes;
	size_t head, tail;
};

static int follow_all(const struct graph *graph, uint32_t *parents, struct queue *queue)
{
	int err = 0;

	while (queue->head < queue->tail && !(err = cpu_allowance__check_round(queue->head))) {
		uint32_t from = queue->nodes[queue->head++];

		for (uint64_t i = graph->starts[from]; i < graph->starts[from + 1]; i++) {
			uint32_t to = graph->edges[i];

			if (parents[to] != PARENT_NONE)
				continue;
			parents[to] = from;
			queue->nodes[queue->tail++] = to;
		}
	}
	return err;
}

/* Breadth-first search, once for each kind of root. */
static int search(struct retention *retention)
{
	const struct roots *roots = retention->roots;
	struct queue queue = {.nodes = account__calloc(retention->graph->census->heap->account,
						       retention->graph->node_cnt + 1UL, 4)};
	int err = 0;

	if (!queue.nodes)
		return -errno;
	for (size_t i = 0; i < roots->cnt && !err; i++) {
		uint32_t node = roots->roots[i].node;

		if (retention->parents[node] == PARENT_NONE) {
			retention->parents[node] = PARENT_ROOT | (uint32_t)i;
			queue.nodes[queue.tail++] = node;
		}
		if (i + 1 == roots->cnt || roots->roots[i + 1].kind != roots->roots[i].kind)
			err = follow_all(retention->graph, retention->parents, &queue);
	}
	account__free(queue.nodes);
	return err;
}

int retention__new(struct retention **out, const struct graph *graph, const struct roots *roots)
{
	_cleanup_(retention__freep) struct retention *retention = calloc(1, sizeof(*retention));
	int err;

	if (!retention)
		return -ENOMEM;
	retention->graph = graph;
	retention->roots = roots;
	retention->parents = account__alloc(graph->census->heap->account,
					    (graph->node_cnt + 1UL) * sizeof(*retention->parents));
	if (!retention->parents)
		return -errno;
	memset(retention->parents, 0xff, (graph->node_cnt + 1UL) * sizeof(*retention->parents));
	err = search(retention);
	if (!err)
		*out = TAKE_PTR(retention);
	return err;
}

bool retention__is_reached(const struct retention *retention, uint32_t node)
{
	return retention->parents[node] != PARENT_NONE;
}

enum retention_end retention__holder(const struct retention *retention, uint32_t node,
				     uint32_t *holder, uint32_t *root)
{
	uint32_t parent = retention->parents[node];

	*holder = *root = parent & ~PARENT_ROOT;
	if (parent == PARENT_NONE)
		return RETENTION_NONE;
	return parent & PARENT_ROOT ? RETENTION_ROOT : RETENTION_OBJECT;
}

static bool is_root(const struct retention *retention, uint32_t node)
{
	return retention->parents[node] & PARENT_ROOT;
}

/* Sorts steps by the node that they start from, then by the node that they lead to. */
static int compare_steps(const void *left, const void *right, void *context)
{
	const struct retention_step *a = left, *b = right;
	const struct retention *retention = context;
	uint32_t from = retention->parents[a->node], other = retention->parents[b->node];

	if (from != other)
		return from < other ? -1 : 1;
	return (a->node > b->node) - (a->node < b->node);
}

static struct retention_step *find_step(const struct retention *retention, uint32_t node)
{
	const struct retention_step key = {.node = node};
	size_t i = PARTITION_POINT(step, retention->learned, retention->learned_cnt,
				   compare_steps(step, &key, (void *)retention) < 0);

	return i < retention->learned_cnt && retention->learned[i].node == node
		       ? &retention->learned[i]
		       : NULL;
}

/* State while searching for how one node refers to others. */
struct lookup {
	struct retention *retention;
	uint32_t from;
};

static int take_reference(void *context, uint32_t owner, const struct reference *reference)
{
	bool loose = reference__is_loose(reference);
	const struct lookup *lookup = context;
	struct retention_step *step;
	uint32_t node = graph__find(lookup->retention->graph, reference->to, loose);

	(void)owner;
	if (node == NODE_NONE || lookup->retention->parents[node] != lookup->from)
		return 0;
	step = find_step(lookup->retention, node);
	/* The first reference is taken; but one by a word only if there is no better one. */
	if (step && step->reference.how == REFERS_BY_WORD &&
	    (step->reference.index == REFERENCE_ANY || !loose))
		step->reference = *reference;
	return 0;
}

/* Records those steps on the path to @node that are shown. @noted: bits by node. */
static int note_steps(struct retention *retention, uint32_t node, uint8_t *noted)
{
	int err;

	for (int i = 1; i < RETENTION_STEPS_MAX && retention__is_reached(retention, node) &&
			!is_root(retention, node);
	     i++, node = retention->parents[node]) {
		if (bits__get(noted, node))
			continue;
		err = ACCOUNT_RESERVE(retention->graph->census->heap->account, retention->learned,
				      retention->learned_capacity, retention->learned_cnt + 1);
		if (err)
			return err;
		bits__set(noted, node);
		retention->learned[retention->learned_cnt++] = (struct retention_step){
			.node = node,
			.reference = {.how = REFERS_BY_WORD, .index = REFERENCE_ANY},
		};
	}
	return 0;
}

int retention__learn(struct retention *retention, const uint32_t *nodes, size_t cnt)
{
	_cleanup_account_free_ uint8_t *noted =
		account__calloc(retention->graph->census->heap->account, 1,
				bits__bytes(retention->graph->node_cnt));
	_cleanup_(references__freep) struct references *references = NULL;
	struct lookup lookup = {.retention = retention};
	int err = noted ? 0 : -errno;

	retention->learned_cnt = 0;
	for (size_t i = 0; i < cnt && !err; i++)
		err = note_steps(retention, nodes[i], noted);
	if (!err)
		err = references__new(&references, retention->graph->census, take_reference,
				      &lookup);
	if (err || !retention->learned_cnt)
		return err;
	err = account__sort_r(retention->graph->census->heap->account, retention->learned,
			      retention->learned_cnt, sizeof(*retention->learned), compare_steps,
			      retention);
	lookup.from = PARENT_NONE;
	for (size_t i = 0; i < retention->learned_cnt && !err; i++) {
		uint32_t from = retention->parents[retention->learned[i].node];

		if (from == lookup.from)
			continue;
		lookup.from = from;
		err = node_references__visit(retention->graph, references, from);
	}
	return err;
}

int retention__path(const struct retention *retention, uint32_t node, struct retention_path *out)
{
	uint32_t at = node;
	size_t cnt = 1;

	*out = (struct retention_path){};
	if (!retention__is_reached(retention, node))
		return 0;
	for (; !is_root(retention, at) && cnt < RETENTION_STEPS_MAX; cnt++)
		at = retention->parents[at];
	out->steps =
		account__calloc(retention->graph->census->heap->account, cnt, sizeof(*out->steps));
	if (!out->steps)
		return -errno;
	out->step_cnt = cnt;
	if (is_root(retention, at))
		out->root = &retention->roots->roots[retention->parents[at] & ~PARENT_ROOT];
	out->steps[0].node = at;
	for (size_t i = cnt; --i; node = retention->parents[node]) {
		const struct retention_step *step = find_step(retention, node);

		out->steps[i] = (struct retention_step){
			.node = node,
			.reference = {.how = REFERS_BY_WORD, .index = REFERENCE_ANY},
		};
		if (step)
			out->steps[i] = *step;
	}
	return 0;
}

void retention_path__release(struct retention_path *path)
{
	account__free(path->steps);
	*path = (struct retention_path){};
}

static int mark_all(const struct graph *graph, uint8_t *seen, struct queue *queue)
{
	int err = 0;

	while (queue->head < queue->tail && !(err = cpu_allowance__check_round(queue->head))) {
		uint32_t from = queue->nodes[queue->head++];

		for (uint64_t i = graph->starts[from]; i < graph->starts[from + 1]; i++) {
			uint32_t to = graph->edges[i];

			if (bits__get(seen, to))
				continue;
			bits__set(seen, to);
			queue->nodes[queue->tail++] = to;
		}
	}
	return err;
}

static void mark(uint8_t *seen, struct queue *queue, uint32_t node)
{
	if (bits__get(seen, node))
		return;
	bits__set(seen, node);
	queue->nodes[queue->tail++] = node;
}

/*
 * Finds the nodes that no root leads to except through @node. Nodes that no root leads to at all
 * count as roots, unless @node leads to them.
 */
int retention__dominated(const struct retention *retention, uint32_t node, uint8_t **out)
{
	const struct graph *graph = retention->graph;
	size_t bytes = bits__bytes(graph->node_cnt);
	struct account *account = graph->census->heap->account;
	_cleanup_account_free_ uint8_t *without = NULL, *with = NULL;
	_cleanup_account_free_ uint32_t *nodes = NULL;
	struct queue queue;
	int err;

	without = account__calloc(account, 1, bytes);
	if (without)
		with = account__calloc(account, 1, bytes);
	if (with)
		nodes = account__calloc(account, graph->node_cnt + 1UL, sizeof(*nodes));
	if (!nodes)
		return -errno;
	queue = (struct queue){.nodes = nodes};
	mark(with, &queue, node);
	err = mark_all(graph, with, &queue);
	if (err)
		return err;
	queue = (struct queue){.nodes = nodes};
	bits__set(without, node); /* do not pass through it */
	for (size_t i = 0; i < retention->roots->cnt; i++)
		mark(without, &queue, retention->roots->roots[i].node);
	for (uint32_t i = 0; i < graph->node_cnt; i++)
		if (!retention__is_reached(retention, i) && !bits__get(with, i) &&
		    block_kind__role(graph__kind(graph, i)) != BLOCK_FREE)
			mark(without, &queue, i);
	err = mark_all(graph, without, &queue);
	if (err)
		return err;
	for (size_t i = 0; i < bytes; i++)
		with[i] &= (uint8_t)~without[i];
	bits__set(with, node);
	*out = TAKE_PTR(with);
	return 0;
}
