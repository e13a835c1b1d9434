/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap of four arenas of 256 KiB, small enough to be computed by hand. Pools are 4 KiB with a
 * header of 48 bytes; the alignment is 16.
 *
 *   A  one pool of 32-byte blocks (126 fit), the first three live
 *   B  next to A: a pool of 512-byte blocks (7 fit), the last live; one of 16-byte blocks, all 253
 *      live
 *   C  eight pools of 512-byte blocks, all 7 of each live: 28,672 bytes, over a tenth of it
 *   D  nothing live
 */
#pragma once

#include "heap/heap.h"
#include "pymalloc/pymalloc_layout.h"

#define SAMPLE_ARENA_BYTES 0x40000UL
#define SAMPLE_POOL_BYTES  0x1000UL
#define SAMPLE_A	   0x7f0000000000UL
#define SAMPLE_B	   (SAMPLE_A + SAMPLE_ARENA_BYTES)
#define SAMPLE_C	   (SAMPLE_A + 0x100000)
#define SAMPLE_D	   (SAMPLE_A + 0x200000)

#define SAMPLE_ARENA_CNT	4UL
#define SAMPLE_LIVE_BLOCKS	(3UL + 1 + 253 + 8 * 7)
#define SAMPLE_LIVE_BYTES	(3UL * 32 + 512 + 253 * 16 + 8 * 7 * 512)
#define SAMPLE_FREE_BLOCK_BYTES (123UL * 32 + 6 * 512)
/* 64 pools in each arena, minus those in use. */
#define SAMPLE_FREE_POOL_BYTES ((63UL + 62 + 56 + 64) * 4096)
/* 4096 - 126 * 32; twice 4096 - 7 * 512, and so on. */
#define SAMPLE_OVERHEAD_BYTES (64UL + 512 + 48 + 8 * 512)

/* The size class of blocks of this size. */
#define SAMPLE_CLASS(block_size) ((block_size) / 16 - 1)

extern const struct geometry sample_geometry;	  /* 3.9 and before, as above */
extern const struct geometry sample_geometry_310; /* 3.10 and later: 1 MiB, 16 KiB, 16 */

/* The caller frees it. */
struct heap *sample_heap__new(void);

/* An empty heap of another geometry. */
struct heap *sample_heap__new_empty(const struct geometry *geometry);

/*
 * Makes block @index of the pool live, and gives the pool this @size_class. Returns the block's
 * address.
 */
uint64_t sample_heap__add_block(struct heap *heap, uint64_t pool, uint8_t size_class,
				uint32_t index);
