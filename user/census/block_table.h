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

/* A span with a live block. */
struct block_span {
	uint64_t address;
	uint32_t first_place;
	uint32_t block_size, block_cnt; /* block_cnt: live or not */
	uint16_t first_block;		/* where its first block begins, bytes behind its address */
	uint8_t size_class;
};

struct block_table {
	struct account *account;
	struct block_span *spans; /* sorted by address */
	size_t span_cnt, span_capacity;
	uint32_t *words; /* by place; all 0 at first */
	uint32_t place_cnt;
	uint64_t start, end;	/* of all spans: [start, end) */
	struct hash_map chunks; /* which span a page belongs to, by 1 MiB of addresses */
};

/*
 * All spans of @heap that have a live block and a known class. Returns 0, -ENOMEM, or -EFBIG for
 * more than 2^32 places, or a block of 4 GiB or more. The caller releases.
 */
int block_table__init(struct block_table *table, const struct heap *heap);
void block_table__release(struct block_table *table);

/* The place around @address; PLACE_NONE: no block can be there. */
uint32_t block_table__find(const struct block_table *table, uint64_t address);

/* As above; *start: where the block begins. */
uint32_t block_table__locate(const struct block_table *table, uint64_t address, uint64_t *start);

/* The index in spans[] of the first span at or behind @address; span_cnt: there is none. */
size_t block_table__first_span(const struct block_table *table, uint64_t address);

/* The span of a place, and where the block begins. */
const struct block_span *block_table__span_of(const struct block_table *table, uint32_t place);
uint64_t block_table__address(const struct block_table *table, uint32_t place);
