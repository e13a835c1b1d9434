/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A word for each place in a heap where a block can be, found by the block's address or by any
 * address in it. Places are numbered in the order of their addresses.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"
#include "util/hash_map.h"

#define PLACE_NONE UINT32_MAX

/* A pool with a live block. */
struct block_pool {
	uint64_t address;
	uint32_t first_place;
	uint16_t block_size, block_cnt; /* block_cnt: live or not */
};

struct block_table {
	struct account *account;
	struct block_pool *pools; /* sorted by address */
	size_t pool_cnt, pool_capacity;
	uint32_t *words; /* by place; all 0 at first */
	uint32_t place_cnt;
	uint64_t start, end;	    /* of all pools: [start, end) */
	uint32_t pool_header_bytes; /* where the first block of a pool is */
	struct hash_map chunks;	    /* which pool a page belongs to, by 1 MiB of addresses */
};

/*
 * All pools of @heap that have a live block and a known class. Returns 0, -ENOMEM, or -EFBIG for
 * more than 2^32 places. The caller releases.
 */
int block_table__init(struct block_table *table, const struct heap *heap);
void block_table__release(struct block_table *table);

/* The place around @address; PLACE_NONE: no block can be there. */
uint32_t block_table__find(const struct block_table *table, uint64_t address);

/* As above; *start: where the block begins. */
uint32_t block_table__locate(const struct block_table *table, uint64_t address, uint64_t *start);

/* The place in pools[] of the first pool at or behind @address; pool_cnt: there is none. */
size_t block_table__first_pool(const struct block_table *table, uint64_t address);

/* The pool of a place, and where the block begins. */
const struct block_pool *block_table__pool_of(const struct block_table *table, uint32_t place);
uint64_t block_table__address(const struct block_table *table, uint32_t place);
