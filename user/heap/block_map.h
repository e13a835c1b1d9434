/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which blocks are live: a bit for each possible block address, and the size class of each span.
 *
 * The map knows nothing of regions. It consists of chunks of address space, which exist wherever a
 * block was ever live. An event thus needs only its address to find its bit, without a search or a
 * table of regions, even if the region is not known yet. The size of a chunk and the alignment of
 * spans and blocks depend on the allocator. pymalloc has chunks of 1 MiB, which cost less than 1 %
 * of the memory they describe (with an alignment of 16; 1.7 % with 8).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/account.h"

#define CLASS_UNKNOWN 0xff
/* The span was not read, because a page of it is swapped out: no bit of it says anything. */
#define CLASS_UNREAD 0xfe

/* All are powers of two, in bytes. */
struct block_map_layout {
	uint32_t alignment;   /* of blocks */
	uint32_t page_bytes;  /* of spans; at least 64 times the alignment of blocks */
	uint64_t chunk_bytes; /* at least a page */
};

struct block_map_chunk {
	uint64_t address;    /* of the first byte of the chunk, in the target */
	uint8_t *span_class; /* indexed by the page at which a span begins */
	/*
	 * The two parts of the span's stamp, taken when its bits were read (block_map__stamp()). A
	 * count of 0 means that its bits are not as read.
	 */
	uint16_t *stamp_count;
	uint32_t *stamp_place;
	uint64_t bits[]; /* one for each possible block address */
};

struct block_map;

/*
 * Creates an empty map, whose memory comes from @account. Returns 0, -ENOMEM or -EDQUOT, as do all
 * functions below that add something.
 */
int block_map__new(struct block_map **out, const struct block_map_layout *layout,
		   struct account *account);
void block_map__free(struct block_map *map);
void block_map__freep(struct block_map **map);

/* Sets or clears a block's bit. *was_live: its previous value. */
int block_map__insert(struct block_map *map, uint64_t address, bool *was_live);
void block_map__remove(struct block_map *map, uint64_t address, bool *was_live);
bool block_map__contains(const struct block_map *map, uint64_t address);

/*
 * Sets or clears all bits of [address, address + size) and forgets the stamps of the spans there;
 * those that were CLASS_UNREAD become CLASS_UNKNOWN. Both ends are aligned to a page.
 */
int block_map__insert_range(struct block_map *map, uint64_t address, uint64_t size);
void block_map__remove_range(struct block_map *map, uint64_t address, uint64_t size);

/*
 * Replaces one span: its class, its stamp and its bits (@word_cnt words, starting at the span's
 * address).
 */
int block_map__set_span(struct block_map *map, uint64_t span_address, uint8_t size_class,
			uint64_t stamp, const uint64_t *live, size_t word_cnt);

/* Forgets the stamps of the spans in [address, address + size); both ends are aligned to a page. */
void block_map__forget_stamps(struct block_map *map, uint64_t address, uint64_t size);

/*
 * The stamp of a span, by which the allocator recognizes that the span has not changed: in its
 * upper half the number of live blocks when it was read, in its lower half whatever else the
 * allocator uses. 0: it has none.
 */
uint64_t block_map__stamp(const struct block_map *map, uint64_t span_address);

/* The number of live blocks in a stamp. */
static inline uint32_t block_map_stamp__live_cnt(uint64_t stamp)
{
	return (uint32_t)(stamp >> 32);
}

/* The size class of the span at @span_address. */
int block_map__set_class(struct block_map *map, uint64_t span_address, uint8_t size_class);
uint8_t block_map__class(const struct block_map *map, uint64_t span_address);

/*
 * The bits of one span, from the word that contains the bit of its own address (the lowest bit of
 * that word if the span begins at a page); NULL if nothing was ever live in its chunk.
 */
const uint64_t *block_map__span_bits(const struct block_map *map, uint64_t span_address);

/* Number of live blocks in [address, address + size); both ends are possible block addresses. */
uint32_t block_map__count(const struct block_map *map, uint64_t address, uint64_t size);

/*
 * Sets *address to the first live block in [*address, end). Returns false, with *address unchanged,
 * if there is none.
 */
bool block_map__next(const struct block_map *map, uint64_t *address, uint64_t end);

/*
 * Sets *address to the last live block in [start, *address); both are possible block addresses.
 * Returns false, with *address unchanged, if there is none.
 */
bool block_map__previous(const struct block_map *map, uint64_t *address, uint64_t start);

/* The chunk that begins at @address, or NULL. */
const struct block_map_chunk *block_map__chunk(const struct block_map *map, uint64_t address);

/* The same, to be changed. */
struct block_map_chunk *block_map__chunk_to_change(struct block_map *map, uint64_t address);

/* The chunk that begins at @address, created if it does not exist. */
int block_map__get_chunk(struct block_map *map, uint64_t address, struct block_map_chunk **out);

/* All chunks, in no particular order: @index from 0 on, NULL at the end. */
const struct block_map_chunk *block_map__chunk_at(const struct block_map *map, size_t index);

/*
 * Frees the chunks for which @keeps returns false, given their address. Nothing else makes a map
 * smaller. The owner calls this after it has removed regions.
 */
typedef bool block_map_keeps(uint64_t chunk_address, const void *context);
void block_map__drop_chunks(struct block_map *map, block_map_keeps *keeps, const void *context);

size_t block_map__chunk_cnt(const struct block_map *map);

/* The sizes of its layout, in bytes. */
uint64_t block_map__chunk_bytes(const struct block_map *map);
uint32_t block_map__alignment(const struct block_map *map);

/* Words and pages in each chunk. */
size_t block_map__words_per_chunk(const struct block_map *map);
size_t block_map__pages_per_chunk(const struct block_map *map);

/* Bytes of pyfrag's own memory that one chunk takes. */
size_t block_map__chunk_cost_bytes(const struct block_map_layout *layout);
