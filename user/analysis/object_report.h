/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All about one object: what it is, who refers to it, what it refers to, what keeps it alive, and
 * what would go with it.
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
	char *value; /* NULL: none is shown */
};

struct relations {
	struct relation *items;
	size_t cnt, capacity;
	uint64_t omitted_cnt; /* more than RELATIONS_MAX */
};

#define RELATIONS_MAX 1000

struct object_report {
	uint64_t address, block;
	uint32_t block_size; /* bytes; 0: it is outside of arenas */
	uint32_t kind;
	char *value, *path; /* NULL: none */
	struct relations referrers, referents;
	bool is_root; /* a variable, an interpreter or static data refers to it */
	/*
	 * What lives only because it does, itself among it: blocks of arenas, and objects outside
	 * of them.
	 */
	uint64_t dominated_blocks, dominated_bytes, dominated_outside;
	/*
	 * Beside them: allocations outside of arenas that are no objects, such as the items of a
	 * list, and that nothing but what goes refers to. What malloc has given to these and to
	 * dominated_outside, as far as that is known.
	 */
	uint64_t dominated_buffers, dominated_outside_bytes;
	/* Arenas of which that is all that lives. */
	uint64_t freed_arenas, freed_bytes;
};

/*
 * Finds it all of the object (or block) at or around @address. @outside: the sizes of what is
 * outside of arenas; empty if they are not known. Returns 0, -ENOENT if there is none,
 * -ENOMEM or as memory__read(). The caller releases.
 */
int object_report__find(struct object_report *out, const struct graph *graph,
			const struct outside_objects *outside, const struct roots *roots,
			struct retention *retention, uint64_t address, bool no_values);
void object_report__release(struct object_report *report);
