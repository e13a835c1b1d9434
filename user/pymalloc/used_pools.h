/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `usedpools` finds itself, without symbols.
 *
 * It is a table of one pair of pointers for each size class, the heads of circular lists of pools,
 * and it is laid out so that each pair can be taken for the nextpool and prevpool members of a pool
 * header 16 bytes before it. So a pair of an empty class points at itself less 16, both words, and
 * a pair of a class in use points at two pools that say which class they are of and point back. No
 * other run of 32 (or, with an alignment of 8, 64) pairs does.
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

/* What the pools in the table tell. */
struct used_pools_evidence {
	struct geometry geometry; /* its arena_size is 0: not known yet */
	struct pool_witness witnesses[POOL_WITNESSES_MAX];
	size_t witness_cnt; /* 0: no class is in use */
};

/*
 * Finds the table in @data; of several, one that is in use. Returns 0, -ENOENT, or negative errno
 * of reading.
 */
int used_pools__find(struct used_pools *out, struct used_pools_evidence *evidence,
		     const struct data_image *data, const struct memory *memory);

/*
 * Reads the table at @table->address, of @table->class_cnt classes, and checks it against its
 * pools, again and again while it changes, as often as *retries says, which shrinks by each time it
 * was waited. Returns 0, also if a few pools contradict it in the end (the evidence is that of the
 * others); -ENOENT: there is no such table; or negative errno.
 */
int used_pools__check(struct used_pools *table, struct used_pools_evidence *evidence,
		      const struct memory *memory, unsigned int *retries);

/* For all that is checked in one go, together. */
#define USED_POOLS_RETRIES_MAX 1000
