/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holds one word for each place in a heap where a block can be. A place is found by the block's
 * address or by any address in the block. Places are numbered in ascending order of address.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "heap/heap.h"
#include "util/hash_map.h"

#define PLACE_NONE UINT32_MAX

/* A span with at least one live block. There may be one for each live block of the heap. */
struct block_span {
	uint64_t address, block_size;
	uint32_t first_place;
	uint16_t block_cnt;   /* live or not */
	uint16_t first_block; /* offset of the first block from @address, in bytes */
	uint8_t size_class;
};

struct block_table {
	struct account *account;
	struct block_span *spans; /* sorted by address */
	size_t span_cnt, span_capacity;
	uint32_t *words; /* by place; initially 0 */
	uint32_t place_cnt;
	uint64_t start, end;	/* bounds of all spans: [start, end) */
	struct hash_map chunks; /* the first span in each page, by 1 MiB of addresses */
	uint32_t *large;	/* indexes of spans that are not in @chunks as a whole */
	size_t large_cnt, large_capacity;
};

/*
 * Takes all spans of @heap that have a live block and a known size class. Returns 0, -ENOMEM,
 * -EDQUOT, or -EFBIG for more than 2^32 - 2 places. The caller releases the table.
 */
int block_table__init(struct block_table *table, const struct heap *heap);
void block_table__release(struct block_table *table);

/* The place of the block that contains @address; PLACE_NONE if no block can be there. */
uint32_t block_table__find(const struct block_table *table, uint64_t address);

/* As above; sets *start to the address of the block. */
uint32_t block_table__locate(const struct block_table *table, uint64_t address, uint64_t *start);

/* The index in spans[] of the first span at or after @address; span_cnt if there is none. */
size_t block_table__first_span(const struct block_table *table, uint64_t address);

/* The span of a place, and the address of its block. */
const struct block_span *block_table__span_of(const struct block_table *table, uint32_t place);
uint64_t block_table__address(const struct block_table *table, uint32_t place);
