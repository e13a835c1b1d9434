/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything about one object: what it is, what refers to it, what it refers to, what keeps it
 * alive, and what would be freed with it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/outside_objects.h"
#include "census/graph.h"
#include "census/retention.h"
#include "census/roots.h"

/* An object that refers to another, or is referred to. */
struct relation {
	uint64_t address; /* of the object */
	uint32_t kind;
	char *via;   /* as via__name() */
	char *value; /* NULL: not shown */
};

struct relations {
	struct relation *items;
	size_t cnt, capacity;
	uint64_t omitted_cnt; /* beyond RELATIONS_MAX */
};

#define RELATIONS_MAX 1000

struct object_report {
	uint64_t address, block;
	uint64_t block_size; /* bytes; 0: outside of arenas */
	uint32_t kind;
	char *value, *path; /* NULL: none */
	struct relations referrers, referents;
	bool is_root; /* a path can begin at it (census/roots.h) */
	/*
	 * What only the object keeps alive, including itself: blocks in arenas, and objects outside
	 * of them.
	 */
	uint64_t dominated_blocks, dominated_bytes, dominated_outside;
	/*
	 * In addition, allocations outside of arenas that are not objects, such as the items of a
	 * list, and to which only dominated objects refer. The bytes are what malloc has allocated
	 * for these and for dominated_outside, as far as that is known.
	 */
	uint64_t dominated_buffers, dominated_outside_bytes;
	/* Arenas in which nothing else is alive. */
	uint64_t freed_arenas, freed_bytes;
};

/*
 * Reports on the object (or block) at or around @address. @outside: sizes of what is outside of
 * arenas; empty if they are not known. Returns 0, -ENOENT if there is none, -ENOMEM, -EDQUOT or as
 * memory__read(). The caller releases *out.
 */
int object_report__find(struct object_report *out, const struct graph *graph,
			const struct outside_objects *outside, const struct roots *roots,
			struct retention *retention, uint64_t address, bool no_values);
void object_report__release(struct object_report *report);
