/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each object retains: what no root would lead to without it, and so would be freed with it.
 * These are the objects that it dominates (dominators.h), and itself.
 *
 * What no root leads to retains nothing that a root leads to: it is garbage, or C code holds it.
 *
 * Nor does a word of a frame or of static data (ROOT_FRAME, ROOT_DATA) count if a path from
 * elsewhere leads to the same object: the word may be stale. And the table of interned strings does
 * not hold these: a string that is freed is removed from it (Objects/unicodeobject.c). In 3.12
 * none is.
 */
#pragma once

#include <stdint.h>

#include "census/dominators.h"
#include "census/graph.h"
#include "census/retention.h"
#include "census/roots.h"

struct retained_sum {
	uint64_t cnt; /* blocks, and objects outside of arenas */
	uint64_t bytes;
};

struct retained {
	struct dominators dominators;
	/*
	 * By node: the bytes that it retains; of what no root leads to, its own. A block counts as
	 * a whole. Buffers outside of arenas are part of their object.
	 */
	uint64_t *bytes;
	struct retained_sum total;	 /* what is alive; with what follows */
	struct retained_sum free_listed; /* blocks on Python's free lists */
	struct retained_sum unreached;	 /* other blocks and objects that no root leads to */
	uint32_t interned;		 /* the table of interned strings, or NODE_NONE */
	uint64_t unowned_bytes;		 /* allocations outside of arenas that several refer to */
};

/* Whether root @index does not count, as said above. */
bool retained__is_weak_root(const struct roots *roots, const struct retention *retention,
			    size_t index);

/*
 * @outside_bytes: what is allocated for each object outside of arenas, in the order of the graph;
 * NULL: not known. Returns 0, -ENOMEM, -EDQUOT, -ETIME or -EFBIG, as dominators__find(). The caller
 * releases *out.
 */
int retained__find(struct retained *out, const struct graph *graph, const struct roots *roots,
		   const struct retention *retention, const uint64_t *outside_bytes);
void retained__release(struct retained *retained);

/*
 * The node that @outside_bytes of graph->outside[@index] belong to: the object's, or that of the
 * object whose buffer it is. NODE_NONE: nobody's.
 */
uint32_t retained__owner(const struct graph *graph, size_t index, uint64_t outside_bytes);
