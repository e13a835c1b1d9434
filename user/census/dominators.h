/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dominators of a graph. Node d dominates node n if each path from a root to n passes through
 * d; so without d, no root would lead to n. Each reached node but the roots has one dominator that
 * all its others dominate, its immediate dominator. These make a tree, whose root is a virtual node
 * that leads to all roots of the graph.
 *
 * Algorithm: T. Lengauer and R. E. Tarjan, "A Fast Algorithm for Finding Dominators in a
 * Flowgraph", TOPLAS 1(1), 1979, with path compression: O(m log n) for any graph, which matters
 * since the target makes the graph. Before it, nodes are folded into their only predecessor if all
 * they lead to is folded into them: the predecessor is their immediate dominator. Most objects of a
 * heap go this way.
 *
 * Nothing recurses. At the peak it takes 12 bytes for each node, 20 more for each node that is not
 * folded, and 4 for each edge between two such nodes; the result has 8 bytes for each node.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/account.h"

/* A graph and its roots. */
struct flow_graph {
	uint32_t node_cnt; /* below DOMINATOR_ROOT */
	/* Node n leads to edges[starts[n]] up to, but not including, edges[starts[n + 1]]. */
	const uint32_t *starts; /* node_cnt + 1 of them */
	const uint32_t *edges;
	const uint8_t *is_end; /* bits by node: where it leads does not count; NULL: none */
	const uint32_t *roots; /* nodes; may contain one several times */
	size_t root_cnt;
};

/* Values of parents[] that are not nodes. */
#define DOMINATOR_ROOT (UINT32_MAX - 1) /* the virtual root: no node dominates it */
#define DOMINATOR_NONE UINT32_MAX	/* no root leads to it */

struct dominators {
	uint32_t *parents; /* by node: its immediate dominator, or one of the above */
	uint32_t *order;   /* the nodes that a root leads to, each after its dominator */
	uint32_t reached_cnt;
};

/*
 * Returns 0, -ENOMEM, -EDQUOT, -ETIME, or -EFBIG if there are 2^32 - 1 or more edges and roots. The
 * caller releases *out.
 */
int dominators__find(struct dominators *out, const struct flow_graph *graph,
		     struct account *account);
void dominators__release(struct dominators *dominators);
