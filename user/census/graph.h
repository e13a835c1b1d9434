/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What refers to what. The nodes are the places of a census, and behind them the objects outside of
 * arenas that something refers to: types, modules' dicts, what is larger than pymalloc's blocks.
 *
 * It is as exact as references.h; a word that is the address of an object counts as a reference
 * where the layout is not known. The target runs meanwhile: an object may have been changed before
 * it was looked at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/census.h"
#include "util/hash_map.h"

#define NODE_NONE UINT32_MAX
/*
 * One bit of a node's number is left for those who keep something else in its place (retention.c).
 */
#define NODES_MAX (1UL << 31)

/* An object outside of arenas. */
struct outside_object {
	uint64_t address;
	uint32_t type;	/* its number; TYPE_NONE: it is no object */
	uint32_t owner; /* the first node that was found to refer to it */
	bool is_buffer; /* that node has it for what belongs to it */
	bool is_shared; /* so have other nodes; or, if it is no buffer, others refer to it */
};

/* By what an object refers to another; the same for all references of the same kind. */
struct via {
	uint8_t how;   /* enum reference_how */
	uint32_t type; /* of a word: the number of the type it is in */
	/* The address of a key or an attribute's name; an index; the offset of a word. */
	uint64_t detail;
};

struct graph {
	struct census *census;
	struct outside_object *outside;
	size_t outside_cnt, outside_capacity;
	struct hash_map outside_places; /* by address */
	uint32_t node_cnt;
	/* What node n refers to: edges[starts[n]] up to edges[starts[n + 1]]. */
	uint32_t *edges;
	uint64_t *starts; /* node_cnt + 1 of them */
	/* By what, if that is wanted: of each edge, the place in vias[]; else NULL. */
	uint32_t *edge_vias;
	struct via *vias;
	size_t via_cnt, via_capacity;
	uint64_t left_out_cnt; /* objects of which some items were left out: see references.h */
};

/*
 * Reads what every object refers to, and, if wanted, by what. @census must outlive the graph; it
 * may learn new types. Returns 0, -ENOMEM, -EDQUOT, -EFBIG if there are more objects than can be
 * numbered, or as memory__read_ranges(). The caller frees it.
 */
int graph__build(struct graph **out, struct census *census, bool with_vias);
void graph__free(struct graph *graph);
void graph__freep(struct graph **graph);

/*
 * The node that an object at @address is; NODE_NONE: there is none, or it is not in use. With
 * @loose also what is no object, by any address in it.
 */
uint32_t graph__find(const struct graph *graph, uint64_t address, bool loose);

/* The number of the type of the object at @address; TYPE_NONE: there is none. */
uint32_t graph__type_at(const struct graph *graph, uint64_t address);

/* What is at a node, as in a census; an object outside of arenas has no part. */
uint32_t graph__kind(const struct graph *graph, uint32_t node);

/* Where the object of a node begins; of what is no object, its block. */
uint64_t graph__address(const struct graph *graph, uint32_t node);

/* The size of the block it is in, with what is in front of it; 0: it is outside of arenas. */
uint32_t graph__block_bytes(const struct graph *graph, uint32_t node);

/* The number of an object's type; TYPE_NONE of what is no object. */
uint32_t graph__type(const struct graph *graph, uint32_t node);

/*
 * Of an object outside of arenas: how many bytes of it are looked at, @before those that are before
 * it among them.
 */
uint32_t graph__outside_bytes(const struct graph *graph, uint32_t node, uint32_t *before);

/*
 * Whether a reference of node @from to node @to counts. An object may refer to itself; a block that
 * holds no object has pointers to itself only as part of its own structure.
 */
bool graph__counts(const struct graph *graph, uint32_t from, uint32_t to);

/* By what node @from refers to another, or to itself. */
struct reference;
struct via graph__via(const struct graph *graph, uint32_t from, const struct reference *reference);
