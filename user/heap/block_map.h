/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which blocks are live: a bit for every address a block can have, and the size class of every
 * pool.
 *
 * The map knows nothing of arenas. It is cut into chunks of 1 MiB of address space, which exist
 * where a block was ever live, so an event needs no more than its address to find its bit: no
 * search, no arena table, and none of it matters if the arena is not known yet. With an alignment
 * of 16 a chunk costs 9.8 KiB, less than 1 % of the memory it describes (1.7 % with an alignment of
 * 8).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/account.h"

#define CHUNK_BYTES   (1UL << 20)
#define CHUNK_PAGES   256 /* of 4 KiB, the smallest pool */
#define CLASS_UNKNOWN 0xff

struct block_map_chunk {
	uint64_t address;		 /* of its first byte, in the target */
	uint8_t pool_class[CHUNK_PAGES]; /* by the page a pool begins at */
	/*
	 * What the pool's header said when its bits were read, a pool__stamp() in two parts. A
	 * count of 0: they are not what was read.
	 */
	uint16_t stamp_count[CHUNK_PAGES];
	uint32_t stamp_place[CHUNK_PAGES];
	uint64_t bits[]; /* one for each possible block address */
};

struct block_map;

/*
 * A map for blocks aligned to @alignment (8 or 16), which takes its memory from @account. Returns
 * 0, -ENOMEM or -EDQUOT, as all functions below that add something.
 */
int block_map__new(struct block_map **out, uint32_t alignment, struct account *account);
void block_map__free(struct block_map *map);
void block_map__freep(struct block_map **map);

/* Sets or clears a block's bit. *was_live is what it was before. */
int block_map__insert(struct block_map *map, uint64_t address, bool *was_live);
void block_map__remove(struct block_map *map, uint64_t address, bool *was_live);
bool block_map__contains(const struct block_map *map, uint64_t address);

/*
 * Marks, or forgets, all of [address, address + size), with the stamps of the pools there. Both
 * ends are aligned to 4 KiB.
 */
int block_map__insert_range(struct block_map *map, uint64_t address, uint64_t size);
void block_map__remove_range(struct block_map *map, uint64_t address, uint64_t size);

/*
 * Replaces one pool: its class, its stamp, and its bits (@word_cnt words, counted from the pool's
 * address).
 */
int block_map__set_pool(struct block_map *map, uint64_t pool_address, uint8_t size_class,
			uint64_t stamp, const uint64_t *live, size_t word_cnt);

/* Forgets the stamps of the pools in [address, address + size); both ends are aligned to 4 KiB. */
void block_map__forget_stamps(struct block_map *map, uint64_t address, uint64_t size);

/* The stamp of a pool; 0 if it has none. */
uint64_t block_map__stamp(const struct block_map *map, uint64_t pool_address);

/* The size class of the pool at @pool_address. */
int block_map__set_class(struct block_map *map, uint64_t pool_address, uint8_t size_class);
uint8_t block_map__class(const struct block_map *map, uint64_t pool_address);

/*
 * The bits of one pool: @pool_size / alignment of them, starting with the pool's own address, as
 * words; NULL if nothing was ever live in its chunk.
 */
const uint64_t *block_map__pool_bits(const struct block_map *map, uint64_t pool_address);

/* How many of the bits of the pool of @pool_size bytes at @pool_address are set. */
uint32_t block_map__count(const struct block_map *map, uint64_t pool_address, uint32_t pool_size);

/* The chunk that begins at @address, or NULL. */
const struct block_map_chunk *block_map__chunk(const struct block_map *map, uint64_t address);

/* The chunk that begins at @address, made if it is not there. */
int block_map__get_chunk(struct block_map *map, uint64_t address, struct block_map_chunk **out);

/* Chunks in no particular order; @index from 0 on, NULL at the end. */
const struct block_map_chunk *block_map__chunk_at(const struct block_map *map, size_t index);

/*
 * Gives up the chunks that @keeps says no to, by their address. Nothing but that makes a map
 * smaller: whoever knows that there are no arenas any more where there were some has to call it.
 */
typedef bool block_map_keeps(uint64_t chunk_address, const void *context);
void block_map__drop_chunks(struct block_map *map, block_map_keeps *keeps, const void *context);

size_t block_map__chunk_cnt(const struct block_map *map);

size_t block_map__words_per_chunk(const struct block_map *map);

/* Bytes of our own memory that one chunk takes. */
size_t block_map__chunk_cost_bytes(uint32_t alignment);
