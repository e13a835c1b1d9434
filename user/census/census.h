/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A census of a heap: for each live block whether it holds an object, and of which type. Taken by
 * census_take.h.
 *
 * The target keeps running while its blocks are read, so a block is recorded as what it holds at
 * the moment it is read. A block whose content is inconsistent is BLOCK_UNKNOWN.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "census/block_kind.h"
#include "census/block_table.h"
#include "census/dict.h"
#include "census/object_layout.h"
#include "census/type_table.h"
#include "heap/heap.h"
#include "pyfrag/py_offsets.h"
#include "target/memory.h"
#include "target/target.h"

/* What counts as the same when a heap's content is counted. */
enum census_by {
	BY_TYPE,
	BY_OWNER, /* the same, but that an instance's dict is its own kind */
	BY_SIZE,  /* of the block */
	BY_ARENA,
	BY_REFERRERS, /* by the kinds of objects that refer to it */
	BY_VIA,	      /* by what it is referred to: attributes, keys, indexes */
	CENSUS_BY_CNT,
};

struct census {
	const struct heap *heap;
	const struct memory *memory;
	const struct target *target; /* NULL: it is not known what is mapped */
	int major, minor;	     /* of the Python */
	struct object_layout layout;
	struct py_offsets offsets;
	enum dict_layout dicts;
	/*
	 * Where a class made at run time points to the keys that its instances share; 0: not known,
	 * or none do.
	 */
	uint32_t shared_keys_offset;
	uint64_t refcnt_max;
	struct type_table *types;
	struct block_table blocks; /* its words are kinds */
	uint32_t dict_type;	   /* the number of dict, or TYPE_NONE */
	uint8_t *hidden;	   /* places that are not counted, see util/bits.h; NULL: none is */
	uint64_t unreadable_blocks; /* whose memory was gone; they are BLOCK_UNKNOWN */
	uint64_t unnamed_types;	    /* whose module was not looked for: dicts of too many entries */
};

void census__free(struct census *census);
void census__freep(struct census **census);

/* What is in the block at or around @address; BLOCK_FREE of what is no block of the heap. */
uint32_t census__kind_at(const struct census *census, uint64_t address);

/* A kind as if an instance's dict were one as any other. */
uint32_t census__plain_kind(const struct census *census, uint32_t kind);

/* Of an object's kind: its type. */
const struct type *census__object_type(const struct census *census, uint32_t kind);

/* How far into its block an object of this kind is. */
uint32_t census__object_offset(const struct census *census, uint32_t kind);

/*
 * Whether there could be a type at @address: types are in libraries or, being large, on the malloc
 * heap.
 */
bool census__could_be_type(const struct census *census, uint64_t address);

/* Blocks that count as the same. */
struct census_row {
	uint32_t kind;	     /* BY_TYPE, BY_OWNER */
	uint32_t block_size; /* BY_SIZE; and of BLOCK_UNKNOWN, by type or owner; else 0 */
	uint32_t set;	     /* BY_REFERRERS, BY_VIA: in struct referrers */
	uint64_t arena;	     /* BY_ARENA: its address */
	uint64_t blocks, bytes;
	uint64_t tracked_blocks; /* of these, objects on the collector's lists */
};

struct census_rows {
	struct census_row *rows; /* most bytes first */
	size_t cnt;
	uint64_t blocks, bytes; /* of all */
};

struct referrers;

/*
 * Counts. @referrers: for BY_REFERRERS and BY_VIA, found by that; else NULL. Returns 0, -ENOMEM,
 * -EDQUOT or -ETIME; the caller releases the rows, also then.
 */
int census__count(const struct census *census, enum census_by by, const struct referrers *referrers,
		  struct census_rows *out);
void census_rows__release(struct census_rows *rows);
