/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything about one object: what it is, what refers to it, what it refers to, what keeps it
 * alive, and what would be freed with it. Of a chunk of malloc that no object owns, its size and
 * state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/chunk_owner.h"
#include "census/retention.h"
#include "malloc/chunk_lookup.h"

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
	/* The chunk of malloc that the address lies in; its size is 0: in none. */
	struct known_chunk chunk;
	uint32_t chunk_kind; /* what is in it, as in a census */
	/*
	 * Only the chunk is known: no object is in it, or has it as its buffer. Then @address is
	 * that of its block, and nothing else is set but @kind.
	 */
	bool is_chunk_only;
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
 * Reports on the object (or block) at or around @address, or on that which owns the chunk of malloc
 * there. Returns 0, -ENOENT if there is neither an object nor a chunk, -ENOMEM, -EDQUOT or as
 * memory__read(). The caller releases *out.
 */
int object_report__find(struct object_report *out, const struct owners_source *source,
			struct retention *retention, uint64_t address);
void object_report__release(struct object_report *report);
