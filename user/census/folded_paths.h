/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One path for all objects that are alike: paths from roots (retention.h) in which indexes, and
 * keys of dicts, are any: "app.cache.STORE[*].tags[*]". The paths form a tree.
 *
 * A key is named if it is a str that occurs in several dicts, as in records; or if its value
 * retains a large part of what the dict's values do. Where a step is repeated, and leads to objects
 * of the same type, as in a linked list or tree, what is below it is at the path of the first such
 * step. So a list of a million nodes is one path, "app.head.next".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/graph.h"
#include "census/retained.h"
#include "census/retention.h"
#include "census/roots.h"

#define PATH_NONE UINT32_MAX

struct folded_path {
	uint32_t parent; /* PATH_NONE: it begins here, at a root */
	uint32_t step;	 /* the index of a root; else a step, as folded_paths__step() */
	/*
	 * The path of the object that the nodes at this path are parts of: its dict of attributes,
	 * its buffers. If they are not, the path itself.
	 */
	uint32_t shown;
	uint32_t node;	/* the first node at this path; NODE_NONE: there is none */
	uint32_t above; /* the step is repeated: the path that is used instead, if types agree */
	uint32_t depth; /* number of steps */
	bool is_repeated;
};

struct folded_paths {
	const struct graph *graph;
	const struct roots *roots;
	const struct retention *retention;
	struct folded_path *paths; /* each after its parent */
	size_t cnt, capacity;
	uint32_t *of_nodes;	 /* PATH_NONE: no root leads there */
	uint8_t *is_named;	 /* bits by via: a key that is named wherever it occurs */
	uint8_t *is_attributes;	 /* bits by node: a dict whose keys are names of attributes */
	struct hash_map by_step; /* paths by parent and step */
	uint64_t refused_cnt;	 /* nodes left at the path before: too many or too long paths */
};

/*
 * @graph must have vias; it, @roots and @retention must outlive *out. Returns 0, -ENOMEM, -EDQUOT
 * or -ETIME. The caller releases *out.
 */
int folded_paths__find(struct folded_paths *out, const struct graph *graph,
		       const struct roots *roots, const struct retention *retention,
		       const struct retained *retained);
void folded_paths__release(struct folded_paths *paths);

/* The step from node @from by graph->edge_vias[@edge]. Keys are named as everywhere only. */
uint32_t folded_paths__step(const struct folded_paths *paths, uint32_t from, uint64_t edge);

/* Whether edge @edge from node @from is the last step of the path of the node it leads to. */
bool folded_paths__has_step(const struct folded_paths *paths, uint32_t from, uint64_t edge);

/* Writes the path that is root @index itself; as below. */
int folded_paths__root_text(char **out, const struct folded_paths *paths, size_t index,
			    bool no_values);

/* A step from a path to a node. */
struct folded_step {
	uint32_t step, node;
};

/*
 * Writes a path that has a node as an expression (path_text.h); @last: a step to add to it, or
 * NULL. The caller frees *out. Returns 0, -ENOMEM, -EDQUOT or as memory__read().
 */
int folded_paths__text(char **out, const struct folded_paths *paths, uint32_t path,
		       const struct folded_step *last, bool no_values);
