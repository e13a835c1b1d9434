/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a node of a graph refers to, read again.
 */
#pragma once

#include "census/graph.h"
#include "census/references.h"

/*
 * Tells @references what the node refers to, as it is by now; the owner is the node. Returns 0,
 * -ENOMEM, as memory__read() or as references tells.
 */
int node_references__tell(const struct graph *graph, struct references *references, uint32_t node);
