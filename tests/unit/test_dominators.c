// SPDX-License-Identifier: BSD-2-Clause
/* Compares with an independent, slow way: leave out a node, and see what is no longer reached. */
#include "census/dominators.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "unit_test.h"
#include "util/bits.h"

#define RANDOM_NODES_MAX 40
#define RANDOM_EDGES_MAX 160
#define CHAIN_NODES	 1000000U

/* Edges in any order; sort_edges() makes the graph of them. */
struct picture {
	uint32_t node_cnt, edge_cnt, root_cnt;
	uint32_t *from, *to;
	uint32_t *starts, *edges, *roots;
};

static void make_picture(struct picture *picture, uint32_t node_cnt, uint32_t edges_max)
{
	*picture = (struct picture){
		.node_cnt = node_cnt,
		.from = calloc(edges_max + 1UL, 4),
		.to = calloc(edges_max + 1UL, 4),
		.starts = calloc(node_cnt + 2UL, 4),
		.edges = calloc(edges_max + 1UL, 4),
		.roots = calloc(node_cnt + 1UL, 4),
	};
	assert_true(picture->from && picture->to && picture->starts && picture->edges &&
		    picture->roots);
}

static void release_picture(struct picture *picture)
{
	free(picture->from);
	free(picture->to);
	free(picture->starts);
	free(picture->edges);
	free(picture->roots);
}

static void add_edge(struct picture *picture, uint32_t from, uint32_t to)
{
	picture->from[picture->edge_cnt] = from;
	picture->to[picture->edge_cnt++] = to;
}

static struct flow_graph sort_edges(struct picture *picture)
{
	uint32_t *at = picture->starts + 1;

	for (uint32_t i = 0; i < picture->edge_cnt; i++)
		if (picture->from[i] + 1 < picture->node_cnt)
			at[picture->from[i] + 1]++;
	for (uint32_t i = 1; i < picture->node_cnt; i++)
		at[i] += at[i - 1];
	for (uint32_t i = 0; i < picture->edge_cnt; i++)
		picture->edges[at[picture->from[i]]++] = picture->to[i];
	return (struct flow_graph){
		.node_cnt = picture->node_cnt,
		.starts = picture->starts,
		.edges = picture->edges,
		.roots = picture->roots,
		.root_cnt = picture->root_cnt,
	};
}

/* Sets reached[] to what the roots lead to without passing through @without. */
static void reach(const struct flow_graph *graph, uint32_t without, bool *reached)
{
	uint32_t stack[RANDOM_NODES_MAX + RANDOM_EDGES_MAX], cnt = 0;

	memset(reached, 0, RANDOM_NODES_MAX);
	for (size_t i = 0; i < graph->root_cnt; i++)
		stack[cnt++] = graph->roots[i];
	while (cnt) {
		uint32_t node = stack[--cnt];

		if (reached[node] || node == without)
			continue;
		reached[node] = true;
		if (graph->is_end && bits__get(graph->is_end, node))
			continue;
		for (uint64_t i = graph->starts[node]; i < graph->starts[node + 1]; i++)
			if (!reached[graph->edges[i]])
				stack[cnt++] = graph->edges[i];
	}
}

/* Each node on the way up dominates @node, and there are no others. */
static void check_node(const struct dominators *dominators, uint32_t node, uint32_t node_cnt,
		       bool without[RANDOM_NODES_MAX][RANDOM_NODES_MAX])
{
	uint32_t cnt = 0;

	for (uint32_t up = dominators->parents[node]; up != DOMINATOR_ROOT;
	     up = dominators->parents[up]) {
		assert_true(up < node_cnt);
		assert_false(without[up][node]);
		cnt++;
	}
	for (uint32_t other = 0; other < node_cnt; other++)
		if (other != node && !without[other][node])
			cnt--;
	assert_int_equal(cnt, 0);
}

/* @order has each reached node once, after its dominator. */
static void check_order(const struct dominators *dominators, uint32_t node_cnt, const bool *reached)
{
	bool seen[RANDOM_NODES_MAX] = {};
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < dominators->reached_cnt; i++) {
		uint32_t node = dominators->order[i], parent = dominators->parents[node];

		assert_true(reached[node] && !seen[node]);
		assert_true(parent == DOMINATOR_ROOT || seen[parent]);
		seen[node] = true;
	}
	for (uint32_t node = 0; node < node_cnt; node++)
		cnt += reached[node];
	assert_int_equal(dominators->reached_cnt, cnt);
}

static void check(const struct flow_graph *graph)
{
	bool without[RANDOM_NODES_MAX][RANDOM_NODES_MAX], reached[RANDOM_NODES_MAX];
	struct dominators dominators;

	for (uint32_t node = 0; node < graph->node_cnt; node++)
		reach(graph, node, without[node]);
	reach(graph, UINT32_MAX, reached);
	assert_int_equal(dominators__find(&dominators, graph, NULL), 0);
	for (uint32_t node = 0; node < graph->node_cnt; node++) {
		if (reached[node])
			check_node(&dominators, node, graph->node_cnt, without);
		else
			assert_int_equal(dominators.parents[node], DOMINATOR_NONE);
	}
	check_order(&dominators, graph->node_cnt, reached);
	dominators__release(&dominators);
}

/*
 * With few edges, most nodes are not reached or have one predecessor; with many, most have several.
 * Edges from a node to itself, parallel ones and roots that other nodes lead to occur by chance.
 * Each graph is also tried with one node whose edges do not count.
 */
static void test_random_graphs(void **state)
{
	uint64_t random = 16;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		uint32_t node_cnt = 1 + prng__below(&random, RANDOM_NODES_MAX);
		uint32_t edge_cnt = prng__below(&random, 1 + node_cnt * (1 + round % 4));
		uint8_t is_end[RANDOM_NODES_MAX / 8 + 8] = {};
		struct picture picture;
		struct flow_graph graph;

		make_picture(&picture, node_cnt, edge_cnt);
		while (picture.edge_cnt < edge_cnt)
			add_edge(&picture, prng__below(&random, node_cnt),
				 prng__below(&random, node_cnt));
		picture.root_cnt = prng__below(&random, node_cnt < 4 ? node_cnt + 1 : 4);
		for (uint32_t i = 0; i < picture.root_cnt; i++)
			picture.roots[i] = prng__below(&random, node_cnt);
		graph = sort_edges(&picture);
		check(&graph);
		bits__set(is_end, prng__below(&random, node_cnt));
		graph.is_end = is_end;
		check(&graph);
		release_picture(&picture);
	}
}

static void test_no_nodes(void **state)
{
	const struct flow_graph graph = {.starts = (uint32_t[]){0}};
	struct dominators dominators;

	(void)state;
	assert_int_equal(dominators__find(&dominators, &graph, NULL), 0);
	assert_int_equal(dominators.reached_cnt, 0);
	dominators__release(&dominators);
}

/* Nodes 0 to CHAIN_NODES - 1, each leading to the next. */
static void make_chain(struct picture *picture, uint32_t node_cnt, uint32_t edges_max)
{
	make_picture(picture, node_cnt, edges_max);
	for (uint32_t i = 0; i + 1 < CHAIN_NODES; i++)
		add_edge(picture, i, i + 1);
	picture->roots[picture->root_cnt++] = 0;
}

static void check_chain(const struct dominators *dominators)
{
	assert_int_equal(dominators->parents[0], DOMINATOR_ROOT);
	for (uint32_t i = 1; i < CHAIN_NODES; i++)
		assert_int_equal(dominators->parents[i], i - 1);
}

static void find(struct picture *picture, struct dominators *dominators)
{
	const struct flow_graph graph = sort_edges(picture);

	assert_int_equal(dominators__find(dominators, &graph, NULL), 0);
}

static void test_chain(void **state)
{
	struct dominators dominators;
	struct picture picture;

	(void)state;
	make_chain(&picture, CHAIN_NODES, CHAIN_NODES);
	find(&picture, &dominators);
	check_chain(&dominators);
	dominators__release(&dominators);
	release_picture(&picture);
}

/* A doubly linked list, whose nodes also refer to one other node. */
static void test_list_with_shared_node(void **state)
{
	struct dominators dominators;
	struct picture picture;

	(void)state;
	make_chain(&picture, CHAIN_NODES + 1, 3 * CHAIN_NODES);
	for (uint32_t i = 1; i < CHAIN_NODES; i++) {
		add_edge(&picture, i, i - 1);
		add_edge(&picture, i, CHAIN_NODES);
	}
	find(&picture, &dominators);
	check_chain(&dominators);
	assert_int_equal(dominators.parents[CHAIN_NODES], 1);
	dominators__release(&dominators);
	release_picture(&picture);
}

/*
 * The first and the last node of a chain refer to as many other nodes. Going up the tree of
 * dominators from the last node for each of these would take hours.
 */
static void test_ends_that_share(void **state)
{
	struct dominators dominators;
	struct picture picture;

	(void)state;
	make_chain(&picture, 2 * CHAIN_NODES, 3 * CHAIN_NODES);
	for (uint32_t i = CHAIN_NODES; i < 2 * CHAIN_NODES; i++) {
		add_edge(&picture, 0, i);
		add_edge(&picture, CHAIN_NODES - 1, i);
	}
	find(&picture, &dominators);
	check_chain(&dominators);
	for (uint32_t i = CHAIN_NODES; i < 2 * CHAIN_NODES; i++)
		assert_int_equal(dominators.parents[i], 0);
	dominators__release(&dominators);
	release_picture(&picture);
}

/* Each charge in turn is refused; nothing is leaked, and *out is not touched. */
static void test_limit(void **state)
{
	struct account *account;
	struct picture picture;
	struct flow_graph graph;
	struct dominators dominators = {.reached_cnt = 7};
	uint64_t nth = 0;
	int err;

	(void)state;
	make_picture(&picture, 4, 8);
	for (uint32_t i = 0; i < 4; i++) {
		add_edge(&picture, i, (i + 1) % 4);
		add_edge(&picture, i, (i + 2) % 4);
	}
	picture.roots[picture.root_cnt++] = 0;
	graph = sort_edges(&picture);
	assert_int_equal(account__new(&account, 1UL << 30, NULL), 0);
	while (account__refuse_nth(account, ++nth),
	       (err = dominators__find(&dominators, &graph, account))) {
		assert_int_equal(err, -EDQUOT);
		assert_int_equal(dominators.reached_cnt, 7);
		assert_int_equal(account__usage(account).used_bytes, 0);
	}
	assert_true(nth > 5);
	assert_int_equal(dominators.reached_cnt, 4);
	dominators__release(&dominators);
	assert_int_equal(account__usage(account).used_bytes, 0);
	account__close(account);
	release_picture(&picture);
}

static void test_too_many_edges(void **state)
{
	const struct flow_graph graph = {.node_cnt = 1, .starts = (uint32_t[]){0, UINT32_MAX}};
	struct dominators dominators;

	(void)state;
	assert_int_equal(dominators__find(&dominators, &graph, NULL), -EFBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_graphs),
		cmocka_unit_test(test_no_nodes),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_list_with_shared_node),
		cmocka_unit_test(test_ends_that_share),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_too_many_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
