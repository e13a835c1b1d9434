/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds `usedpools` without symbols.
 *
 * The table has one pair of pointers for each size class, the head of a circular list of pools.
 * Each pair is laid out as if it were the nextpool and prevpool members of a pool header that
 * begins 16 bytes before it. So both pointers of an empty class equal the pair's own address minus
 * 16, and those of a class in use lead to two pools that carry this class and point back. No other
 * run of 32 pairs (64 with an alignment of 8) has this property.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pymalloc/geometry.h"
#include "target/memory.h"
#include "target/module_data.h"

struct used_pools {
	uint64_t address;
	uint32_t class_cnt;
	struct used_pools_pair {
		uint64_t next, prev;
	} pairs[SIZE_CLASSES_MAX];
};

/* A pool in use, and the index of its arena. */
struct pool_witness {
	uint64_t pool;
	uint32_t arena_index;
};

#define POOL_WITNESSES_MAX 16

/* What is known from the pools in the table. */
struct used_pools_evidence {
	struct geometry geometry; /* arena_size is 0: not known yet */
	struct pool_witness witnesses[POOL_WITNESSES_MAX];
	size_t witness_cnt; /* 0: no class is in use */
};

/*
 * Finds the table in @data; if there are several, prefers one that is in use. Returns 0, -ENOENT,
 * or negative errno of reading.
 */
int used_pools__find(struct used_pools *out, struct used_pools_evidence *evidence,
		     const struct data_image *data, const struct memory *memory);

/*
 * Reads the table of @table->class_cnt classes at @table->address and checks it against its pools.
 * Retries while the table changes. *retries: retries left, decremented by each one. Returns 0, also
 * if a few pools still contradict the table (the evidence is from the others); -ENOENT: no such
 * table; -ENODATA: all of its pools are swapped out; or negative errno.
 */
int used_pools__check(struct used_pools *table, struct used_pools_evidence *evidence,
		      const struct memory *memory, unsigned int *retries);

/* Shared by all checks of one search. */
#define USED_POOLS_RETRIES_MAX 1000
