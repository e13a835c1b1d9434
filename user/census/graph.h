/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The graph of references. Its nodes are the places of a census, followed by the objects outside of
 * arenas that something refers to: types, dicts of modules, whatever is too large for pymalloc's
 * blocks.
 *
 * It is as exact as references.h: where a layout is not known, each word that is the address of an
 * object counts as a reference. The target keeps running, so an object may have changed before it
 * was read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/census.h"
#include "util/hash_map.h"

#define NODE_NONE UINT32_MAX
/*
 * One bit of a node's number is left to users that store something else in its place (retention.c).
 */
#define NODES_MAX (1UL << 31)
#define EDGES_MAX (UINT32_MAX - 1UL)

/* An object outside of arenas. */
struct outside_object {
	uint64_t address;
	uint32_t type;	/* its number; TYPE_NONE: not an object */
	uint32_t owner; /* the first node that was found to refer to it */
	bool is_buffer; /* that node refers to it as its buffer */
	bool is_shared; /* other nodes do, too; if it is no buffer: other nodes refer to it */
};

/* How an object refers to another. References of the same kind share one. */
struct via {
	uint8_t how;   /* enum reference_how */
	uint32_t type; /* for a word: the number of the type that contains it */
	/* The address of a key or of an attribute's name; an index; the offset of a word. */
	uint64_t detail;
};

/* What is recorded of how objects refer to others. */
enum graph_vias {
	VIAS_NONE,
	VIAS_ALL,
	/*
	 * Without indexes, and without keys beyond the first GRAPH_KEYS_MAX of a dict: the vias of
	 * these have the detail 0. There are at most GRAPH_VIAS_MAX vias with a key or attribute.
	 */
	VIAS_FOLDED,
};

#define GRAPH_KEYS_MAX 1024
#define GRAPH_VIAS_MAX (1UL << 18)

struct graph {
	struct census *census;
	struct outside_object *outside;
	size_t outside_cnt, outside_capacity;
	struct hash_map outside_places; /* by address */
	uint32_t node_cnt;
	/* Node n refers to edges[starts[n]] up to, but not including, edges[starts[n + 1]]. */
	uint32_t *edges;  /* fewer than EDGES_MAX */
	uint32_t *starts; /* node_cnt + 1 of them */
	/* For each edge, its index in vias[]; NULL if not requested. */
	uint32_t *edge_vias;
	struct via *vias;
	size_t via_cnt, via_capacity;
	uint64_t left_out_cnt; /* objects some of whose items were left out: see references.h */
};

/*
 * Reads what each object refers to and, as far as @vias says, how. @census must outlive the graph;
 * new types may be added to it. Returns 0, -ENOMEM, -EDQUOT, -EFBIG if there are more objects or
 * references than can be numbered, or as memory__read_ranges(). The caller frees the graph.
 */
int graph__build(struct graph **out, struct census *census, enum graph_vias vias);
void graph__free(struct graph *graph);
void graph__freep(struct graph **graph);

/*
 * The node of the object at @address; NODE_NONE if there is none, or it is not in use. @loose: also
 * finds a block that holds no object, by any address in it.
 */
uint32_t graph__find(const struct graph *graph, uint64_t address, bool loose);

/* The number of the type of the object at @address; TYPE_NONE if there is none. */
uint32_t graph__type_at(const struct graph *graph, uint64_t address);

/* The kind of a node, as in a census. An object outside of arenas has no part. */
uint32_t graph__kind(const struct graph *graph, uint32_t node);

/* The address of the object of a node; of its block if there is no object. */
uint64_t graph__address(const struct graph *graph, uint32_t node);

/*
 * The size of the block of a node, including what is in front of the object; 0 outside of arenas.
 */
uint64_t graph__block_bytes(const struct graph *graph, uint32_t node);

/* The number of the type of the object of a node; TYPE_NONE if there is no object. */
uint32_t graph__type(const struct graph *graph, uint32_t node);

/*
 * How many bytes of an object outside of arenas are read, including *before bytes in front of it.
 */
uint32_t graph__outside_bytes(const struct graph *graph, uint32_t node, uint32_t *before);

/*
 * Whether a reference from node @from to node @to counts. An object may refer to itself; but a
 * block without an object has pointers to itself only as part of its own structure.
 */
bool graph__counts(const struct graph *graph, uint32_t from, uint32_t to);

/* How node @from refers to another node, or to itself. */
struct reference;
struct via graph__via(const struct graph *graph, uint32_t from, const struct reference *reference);
