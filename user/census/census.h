/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A census of a heap: for each live block, whether it holds an object, and of which type.
 * census_take.h takes one.
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

/* How blocks are grouped when the content of a heap is counted. */
enum census_by {
	BY_TYPE,
	BY_OWNER, /* as BY_TYPE, but an instance's dict is a kind of its own */
	BY_SIZE,  /* of the block */
	BY_ARENA,
	BY_REFERRERS, /* by the kinds of objects that refer to it */
	BY_VIA,	      /* by how it is referred to: attribute, key, index */
	CENSUS_BY_CNT,
};

struct census {
	const struct heap *heap;
	const struct memory *memory;
	const struct target *target; /* NULL: the mappings are not known */
	int major, minor;	     /* version of Python */
	struct object_layout layout;
	struct py_offsets offsets;
	enum dict_layout dicts;
	/*
	 * Offset in a heap type of its pointer to the keys that its instances share; 0: not known,
	 * or there are none.
	 */
	uint32_t shared_keys_offset;
	uint64_t refcnt_max;
	uint32_t interpreter_cnt; /* 0: not known */
	struct type_table *types;
	struct block_table blocks;  /* its words are kinds */
	uint32_t dict_type;	    /* the number of the type dict, or TYPE_NONE */
	uint8_t *hidden;	    /* bits by place (util/bits.h): not to be counted; NULL: none */
	uint64_t unreadable_blocks; /* whose memory could not be read; they are BLOCK_UNKNOWN */
	uint64_t freed_blocks;	    /* freed since the heap was read; they are BLOCK_UNKNOWN */
	uint64_t cut_blocks;	    /* too large to be read in full, and not of a known layout */
	uint64_t unnamed_types;	    /* named without a module: their dicts are too large */
};

void census__free(struct census *census);
void census__freep(struct census **census);

/*
 * The kind of the block at or around @address; BLOCK_FREE if @address is in no block of the heap.
 */
uint32_t census__kind_at(const struct census *census, uint64_t address);

/* The kind with an instance's dict treated as any other dict. */
uint32_t census__plain_kind(const struct census *census, uint32_t kind);

/* The type of an object, given the object's kind. */
const struct type *census__object_type(const struct census *census, uint32_t kind);

/* The offset of an object of this kind from the start of its block. */
uint32_t census__object_offset(const struct census *census, uint32_t kind);

/*
 * Whether @address can be that of a type. Types are in libraries or, since they are large, on the
 * malloc heap, which may be the heap that is counted.
 */
bool census__could_be_type(const struct census *census, uint64_t address);

/*
 * Whether @address is in memory that the target shares with others (MAP_SHARED), where objects
 * never are. Reading a page there that is not in RAM takes RAM, charged to the target's control
 * group, even if the page was never touched.
 */
bool census__is_shared_memory(const struct census *census, uint64_t address);

/* Blocks that are counted together. */
struct census_row {
	uint32_t kind; /* BY_TYPE, BY_OWNER */
	/*
	 * BY_SIZE; for BLOCK_UNKNOWN also BY_TYPE, BY_OWNER; else 0. 0 also for the class of all
	 * large blocks.
	 */
	uint32_t block_size;
	uint32_t set;	/* BY_REFERRERS, BY_VIA: index of the set in struct referrers */
	uint64_t arena; /* BY_ARENA: its address */
	uint64_t blocks, bytes;
	uint64_t tracked_blocks; /* of these, objects that the collector tracks */
};

struct census_rows {
	struct census_row *rows; /* most bytes first */
	size_t cnt;
	uint64_t blocks, bytes; /* of all rows */
};

struct referrers;

/*
 * Counts the blocks. @referrers: the result of referrers__find() for BY_REFERRERS and BY_VIA, else
 * NULL. Returns 0, -ENOMEM, -EDQUOT or -ETIME. The caller releases the rows, also on failure.
 */
int census__count(const struct census *census, enum census_by by, const struct referrers *referrers,
		  struct census_rows *out);
void census_rows__release(struct census_rows *rows);
