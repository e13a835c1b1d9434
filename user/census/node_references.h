/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads again what a node of a graph refers to. */
#pragma once

#include "census/graph.h"
#include "census/references.h"

/*
 * Passes the node's current references to the visitor of @references, with the node as their owner.
 * Returns 0, -ENOMEM, -EDQUOT, as memory__read(), or what the visitor returns.
 */
int node_references__visit(const struct graph *graph, struct references *references, uint32_t node);
