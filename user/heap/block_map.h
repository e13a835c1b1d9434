/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which blocks are live: a bit for each address a block can have, and the size class of each span.
 *
 * The map knows nothing of regions. It is cut into chunks of address space, which exist where a
 * block was ever live, so an event needs no more than its address to find its bit: no search, no
 * table of regions, and it does not matter if the region is not known yet. How large a chunk is,
 * and how finely spans and blocks are aligned, depends on the allocator: pymalloc has chunks of
 * 1 MiB, which cost less than 1 % of the memory they describe (with an alignment of 16; 1.7 % with
 * one of 8).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/account.h"

#define CLASS_UNKNOWN 0xff

/* All of them powers of two, in bytes. */
struct block_map_layout {
	uint32_t alignment;   /* blocks begin at multiples of it */
	uint32_t page_bytes;  /* spans do; at least 64 times the alignment */
	uint64_t chunk_bytes; /* at least a page */
};

struct block_map_chunk {
	uint64_t address;    /* of its first byte, in the target */
	uint8_t *span_class; /* by the page a span begins at */
	/*
	 * What the span looked like when its bits were read (block_map__stamp()), in two parts. A
	 * count of 0: its bits are not what was read.
	 */
	uint16_t *stamp_count;
	uint32_t *stamp_place;
	uint64_t bits[]; /* one for each possible block address */
};

struct block_map;

/*
 * An empty map, which takes its memory from @account. Returns 0, -ENOMEM or -EDQUOT, as all
 * functions below that add something.
 */
int block_map__new(struct block_map **out, const struct block_map_layout *layout,
		   struct account *account);
void block_map__free(struct block_map *map);
void block_map__freep(struct block_map **map);

/* Sets or clears a block's bit. *was_live is what it was before. */
int block_map__insert(struct block_map *map, uint64_t address, bool *was_live);
void block_map__remove(struct block_map *map, uint64_t address, bool *was_live);
bool block_map__contains(const struct block_map *map, uint64_t address);

/*
 * Marks, or forgets, all of [address, address + size), with the stamps of the spans there. Both
 * ends are aligned to a page.
 */
int block_map__insert_range(struct block_map *map, uint64_t address, uint64_t size);
void block_map__remove_range(struct block_map *map, uint64_t address, uint64_t size);

/*
 * Replaces one span: its class, its stamp, and its bits (@word_cnt words, counted from the span's
 * address).
 */
int block_map__set_span(struct block_map *map, uint64_t span_address, uint8_t size_class,
			uint64_t stamp, const uint64_t *live, size_t word_cnt);

/* Forgets the stamps of the spans in [address, address + size); both ends are aligned to a page. */
void block_map__forget_stamps(struct block_map *map, uint64_t address, uint64_t size);

/*
 * The stamp of a span: in its upper half how many blocks were live when it was read, in its lower
 * half what else the allocator knows a change of the span by. 0: it has none.
 */
uint64_t block_map__stamp(const struct block_map *map, uint64_t span_address);

/* How many blocks were live, by a stamp. */
static inline uint32_t block_map_stamp__live_cnt(uint64_t stamp)
{
	return (uint32_t)(stamp >> 32);
}

/* The size class of the span at @span_address. */
int block_map__set_class(struct block_map *map, uint64_t span_address, uint8_t size_class);
uint8_t block_map__class(const struct block_map *map, uint64_t span_address);

/*
 * The bits of one span, from the word on that has the bit of its own address (the lowest of that
 * word if the span begins at a page); NULL if nothing was ever live in its chunk.
 */
const uint64_t *block_map__span_bits(const struct block_map *map, uint64_t span_address);

/* How many blocks are live in [address, address + size); both ends are possible block addresses. */
uint32_t block_map__count(const struct block_map *map, uint64_t address, uint64_t size);

/*
 * Sets *address to that of the first live block in [*address, end); false, and *address as it was:
 * there is none.
 */
bool block_map__next(const struct block_map *map, uint64_t *address, uint64_t end);

/* The chunk that begins at @address, or NULL. */
const struct block_map_chunk *block_map__chunk(const struct block_map *map, uint64_t address);

/* The chunk that begins at @address, made if it is not there. */
int block_map__get_chunk(struct block_map *map, uint64_t address, struct block_map_chunk **out);

/* Chunks in no particular order; @index from 0 on, NULL at the end. */
const struct block_map_chunk *block_map__chunk_at(const struct block_map *map, size_t index);

/*
 * Frees the chunks for which @keeps returns false, given their address. Nothing else makes a map
 * smaller: its owner calls this when there are no regions any more where there were some.
 */
typedef bool block_map_keeps(uint64_t chunk_address, const void *context);
void block_map__drop_chunks(struct block_map *map, block_map_keeps *keeps, const void *context);

size_t block_map__chunk_cnt(const struct block_map *map);

/* Of each chunk. */
size_t block_map__words_per_chunk(const struct block_map *map);
size_t block_map__pages_per_chunk(const struct block_map *map);

/* Bytes of our own memory that one chunk takes. */
size_t block_map__chunk_cost_bytes(const struct block_map_layout *layout);
