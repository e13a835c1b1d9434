// SPDX-License-Identifier: BSD-2-Clause
#include "census/dominators.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/bits.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

/* Numbers of nodes in the order of a depth-first search; the virtual root has 0. */
#define NUMBER_NONE   0		 /* not reached (yet) */
#define NUMBER_FOLDED UINT32_MAX /* folded into its only predecessor */

struct work {
	const struct flow_graph *graph;
	struct account *account;
	struct dominators result;
	uint32_t *numbers; /* by node */
	uint32_t folded_cnt, reached_cnt;
	/*
	 * By number, as all that follow. The parent in the tree of the search; of a node that is
	 * linked, an ancestor in the forest of linked nodes.
	 */
	uint32_t *ancestors;
	/*
	 * Of a node that is linked: its semidominator. Of others: the first of those nodes of which
	 * it is the semidominator and whose dominator is not known yet; 0: none. The next ones are
	 * in dominators[].
	 */
	uint32_t *semis;
	/* The node with the least semidominator on the way to the ancestor, without the latter. */
	uint32_t *labels;
	uint32_t *dominators;
	/* Edges that are not in the tree of the search, by the node they lead to. */
	uint32_t *sources, *source_starts;
};

void dominators__release(struct dominators *dominators)
{
	account__free(dominators->parents);
	account__free(dominators->order);
	*dominators = (struct dominators){};
}

static void release_work(struct work *work)
{
	dominators__release(&work->result);
	account__free(work->numbers);
	account__free(work->ancestors);
	account__free(work->semis);
	account__free(work->labels);
	account__free(work->dominators);
	account__free(work->sources);
	account__free(work->source_starts);
}

static int make(const struct work *work, uint32_t **items, uint64_t cnt)
{
	*items = account__calloc(work->account, cnt, sizeof(**items));
	return *items ? 0 : -errno;
}

/* The nodes that a node leads to. */
struct targets {
	const uint32_t *nodes;
	uint64_t cnt;
};

static struct targets targets_of_node(const struct flow_graph *graph, uint32_t node)
{
	if (graph->is_end && bits__get(graph->is_end, node))
		return (struct targets){};
	return (struct targets){graph->edges + graph->starts[node],
				graph->starts[node + 1] - graph->starts[node]};
}

/* State while nodes are folded, by node. */
struct folding {
	struct work *work;
	uint8_t *is_shared; /* bits: a root, or has several predecessors */
	uint8_t *is_fixed;  /* bits: leads to a shared node, so it cannot be folded */
	uint32_t *pending;  /* how many nodes have to be folded into it first */
	uint32_t head;	    /* nodes to fold, in result.order[] from its end down to here */
};

/* Finds the only predecessor of each node, and which nodes have more. */
static int find_predecessors(struct folding *folding)
{
	const struct flow_graph *graph = folding->work->graph;
	uint32_t *parents = folding->work->result.parents;
	int err = 0;

	for (size_t i = 0; i < graph->root_cnt; i++)
		bits__set(folding->is_shared, graph->roots[i]);
	for (uint32_t from = 0; from < graph->node_cnt && !(err = cpu_allowance__check_round(from));
	     from++) {
		struct targets targets = targets_of_node(graph, from);

		for (uint64_t i = 0; i < targets.cnt; i++) {
			uint32_t to = targets.nodes[i];

			if (to == from || parents[to] == from)
				continue;
			if (parents[to] == DOMINATOR_NONE)
				parents[to] = from;
			else
				bits__set(folding->is_shared, to);
		}
	}
	return err;
}

static bool leads_to_shared(const struct folding *folding, uint32_t from)
{
	struct targets targets = targets_of_node(folding->work->graph, from);

	for (uint64_t i = 0; i < targets.cnt; i++)
		if (targets.nodes[i] != from && bits__get(folding->is_shared, targets.nodes[i]))
			return true;
	return false;
}

/* Finds out what stands in the way of folding. */
static int count_pending(struct folding *folding)
{
	const uint32_t *parents = folding->work->result.parents;
	int err = 0;

	for (uint32_t node = 0;
	     node < folding->work->graph->node_cnt && !(err = cpu_allowance__check_round(node));
	     node++) {
		if (leads_to_shared(folding, node))
			bits__set(folding->is_fixed, node);
		if (parents[node] != DOMINATOR_NONE && !bits__get(folding->is_shared, node))
			folding->pending[parents[node]]++;
	}
	return err;
}

static void fold_if_possible(struct folding *folding, uint32_t node)
{
	struct dominators *result = &folding->work->result;

	if (folding->pending[node] || bits__get(folding->is_fixed, node) ||
	    bits__get(folding->is_shared, node) || result->parents[node] == DOMINATOR_NONE)
		return;
	result->order[--folding->head] = node;
}

/* A cycle is never folded: each of its nodes would have to be folded before the next. */
static void fold_all(struct folding *folding)
{
	struct dominators *result = &folding->work->result;
	uint32_t node_cnt = folding->work->graph->node_cnt;

	folding->head = node_cnt;
	for (uint32_t node = 0; node < node_cnt; node++)
		fold_if_possible(folding, node);
	for (uint32_t i = node_cnt; i > folding->head; i--) {
		uint32_t parent = result->parents[result->order[i - 1]];

		folding->pending[parent]--;
		fold_if_possible(folding, parent);
	}
	memset(folding->pending, 0, node_cnt * sizeof(*folding->pending));
	for (uint32_t i = folding->head; i < node_cnt; i++)
		folding->pending[result->order[i]] = NUMBER_FOLDED;
	folding->work->folded_cnt = node_cnt - folding->head;
}

static int fold(struct work *work)
{
	size_t bytes = bits__bytes(work->graph->node_cnt);
	_cleanup_account_free_ uint8_t *is_shared = account__calloc(work->account, 1, bytes);
	_cleanup_account_free_ uint8_t *is_fixed =
		is_shared ? account__calloc(work->account, 1, bytes) : NULL;
	struct folding folding = {
		.work = work,
		.is_shared = is_shared,
		.is_fixed = is_fixed,
		.pending = work->numbers,
	};
	int err = is_fixed ? find_predecessors(&folding) : -errno;

	if (!err)
		err = count_pending(&folding);
	if (!err)
		fold_all(&folding);
	return err;
}

static struct targets targets_of(const struct work *work, uint32_t number)
{
	if (!number)
		return (struct targets){work->graph->roots, work->graph->root_cnt};
	return targets_of_node(work->graph, work->result.order[number - 1]);
}

/*
 * Goes on from @number to the first node that was not reached before. Where to go on next time is
 * in labels[]. Returns whether there is one.
 */
static bool step_down(struct work *work, uint32_t number)
{
	struct targets targets = targets_of(work, number);

	for (uint64_t i = work->labels[number]; i < targets.cnt; i++) {
		uint32_t node = targets.nodes[i];

		if (work->numbers[node] != NUMBER_NONE)
			continue;
		work->labels[number] = (uint32_t)i + 1;
		work->result.order[work->reached_cnt++] = node;
		work->numbers[node] = work->reached_cnt;
		work->ancestors[work->reached_cnt] = number;
		return true;
	}
	return false;
}

/* Numbers the nodes in the order of a depth-first search. */
static int search(struct work *work)
{
	uint32_t at = 0;
	uint64_t round = 0;
	int err;

	while (!(err = cpu_allowance__check_round(round++))) {
		if (step_down(work, at))
			at = work->reached_cnt;
		else if (at)
			at = work->ancestors[at];
		else
			break;
	}
	return err;
}

/* The number of @node if an edge from @from to it is not in the tree of the search; else 0. */
static uint32_t other_target(const struct work *work, uint32_t from, uint32_t node)
{
	uint32_t to = work->numbers[node];

	return to == NUMBER_FOLDED || to == from || work->ancestors[to] == from ? 0 : to;
}

/*
 * Without @sources counts the edges that are not in the tree, in at[n + 1] those that lead to n;
 * else stores where they come from. As in a graph, at[n] is where the next source of n is stored.
 */
static int visit_edges(const struct work *work, uint32_t *at, uint32_t *sources)
{
	int err = 0;

	for (uint32_t from = 0;
	     from <= work->reached_cnt && !(err = cpu_allowance__check_round(from)); from++) {
		struct targets targets = targets_of(work, from);

		for (uint64_t i = 0; i < targets.cnt; i++) {
			uint32_t to = other_target(work, from, targets.nodes[i]);

			if (to && sources)
				sources[at[to]++] = from;
			else if (to)
				at[to + 1]++;
		}
	}
	return err;
}

/* Collects the edges that are not in the tree, by the node they lead to. */
static int collect_sources(struct work *work)
{
	uint32_t *at;
	int err = make(work, &work->source_starts, work->reached_cnt + 3UL);

	if (err)
		return err;
	at = work->source_starts + 1;
	err = visit_edges(work, at, NULL);
	if (err)
		return err;
	for (uint32_t number = 1; number <= work->reached_cnt + 1; number++)
		at[number] += at[number - 1];
	err = make(work, &work->sources, at[work->reached_cnt + 1] + 1UL);
	return err ? err : visit_edges(work, at, work->sources);
}

/*
 * The node with the least semidominator among @number, which is linked, and its linked ancestors.
 * All nodes from @linked on are linked. The way up is kept in the pointers, which are reversed.
 */
static uint32_t evaluate(const struct work *work, uint32_t number, uint32_t linked)
{
	uint32_t *ancestors = work->ancestors, *labels = work->labels;
	uint32_t at = number, below = 0, top;

	while (ancestors[at] >= linked) {
		uint32_t above = ancestors[at];

		ancestors[at] = below;
		below = at;
		at = above;
	}
	for (top = ancestors[at]; below;) {
		uint32_t next = ancestors[below];

		if (work->semis[labels[at]] < work->semis[labels[below]])
			labels[below] = labels[at];
		ancestors[below] = top;
		at = below;
		below = next;
	}
	return labels[number];
}

static uint32_t find_semidominator(const struct work *work, uint32_t number)
{
	uint32_t semi = work->ancestors[number];

	for (uint32_t i = work->source_starts[number]; i < work->source_starts[number + 1]; i++) {
		uint32_t source = work->sources[i];

		if (source > number)
			source = work->semis[evaluate(work, source, number + 1)];
		if (source < semi)
			semi = source;
	}
	return semi;
}

/*
 * Finds the dominators of the nodes whose semidominator is @parent, as far as these are known: or
 * other nodes that have the same dominator.
 */
static void empty_bucket(const struct work *work, uint32_t parent, uint32_t linked)
{
	uint32_t number = work->semis[parent], next;

	work->semis[parent] = 0;
	for (; number; number = next) {
		uint32_t least = evaluate(work, number, linked);

		next = work->dominators[number];
		work->dominators[number] =
			work->semis[least] < work->semis[number] ? least : parent;
	}
}

/* From the last number to the first. A node is linked to its parent once it was looked at. */
static int find_dominators(struct work *work)
{
	int err = 0;

	for (uint32_t number = work->reached_cnt;
	     number && !(err = cpu_allowance__check_round(number)); number--) {
		uint32_t parent = work->ancestors[number];
		uint32_t semi = find_semidominator(work, number);

		work->semis[number] = semi;
		work->labels[number] = number;
		/* Put it into the bucket of @semi. */
		work->dominators[number] = work->semis[semi];
		work->semis[semi] = number;
		empty_bucket(work, parent, number);
	}
	return err;
}

static void finish_unfolded(struct work *work)
{
	struct dominators *result = &work->result;

	for (uint32_t node = 0; node < work->graph->node_cnt; node++)
		if (work->numbers[node] == NUMBER_NONE)
			result->parents[node] = DOMINATOR_NONE;
	for (uint32_t number = 1; number <= work->reached_cnt; number++) {
		uint32_t *dominator = &work->dominators[number];

		if (*dominator != work->semis[number])
			*dominator = work->dominators[*dominator];
		result->parents[result->order[number - 1]] =
			*dominator ? result->order[*dominator - 1] : DOMINATOR_ROOT;
	}
}

/* The last node that was folded comes first: what is folded into it was folded before. */
static void finish_folded(struct work *work)
{
	struct dominators *result = &work->result;
	uint32_t node_cnt = work->graph->node_cnt;

	result->reached_cnt = work->reached_cnt;
	for (uint32_t i = node_cnt - work->folded_cnt; i < node_cnt; i++) {
		uint32_t node = result->order[i];

		if (result->parents[result->parents[node]] == DOMINATOR_NONE)
			result->parents[node] = DOMINATOR_NONE;
		else
			result->order[result->reached_cnt++] = node;
	}
}

static int run(struct work *work)
{
	size_t node_cnt = work->graph->node_cnt, cnt;
	int err = make(work, &work->result.parents, node_cnt + 1);

	if (err)
		return err;
	memset(work->result.parents, 0xff, node_cnt * sizeof(*work->result.parents));
	err = make(work, &work->result.order, node_cnt + 1);
	if (!err)
		err = make(work, &work->numbers, node_cnt + 1);
	if (!err)
		err = fold(work);
	cnt = node_cnt - work->folded_cnt + 1;
	if (!err)
		err = make(work, &work->ancestors, cnt);
	if (!err)
		err = make(work, &work->labels, cnt);
	if (!err)
		err = search(work);
	if (!err)
		err = collect_sources(work);
	if (!err)
		err = make(work, &work->semis, cnt);
	if (!err)
		err = make(work, &work->dominators, cnt);
	if (!err)
		err = find_dominators(work);
	if (err)
		return err;
	finish_unfolded(work);
	finish_folded(work);
	return 0;
}

int dominators__find(struct dominators *out, const struct flow_graph *graph,
		     struct account *account)
{
	struct work work = {.graph = graph, .account = account};
	int err;

	if (graph->starts[graph->node_cnt] + (uint64_t)graph->root_cnt >= UINT32_MAX)
		return -EFBIG;
	err = run(&work);
	if (!err) {
		*out = work.result;
		work.result = (struct dominators){};
	}
	release_work(&work);
	return err;
}
