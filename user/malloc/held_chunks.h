/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunks that a malloc holds ready although they are marked as in use: those of fastbins, and those
 * of the threads' tcaches. They are in lists, whose links are mangled from glibc 2.32 on: XORed
 * with their own address >> 12 (PROTECT_PTR(), malloc/malloc.c).
 *
 * A tcache (struct tcache_perthread_struct) is a chunk itself, and is known by its size and by what
 * it says: for each list a number of blocks, and the first one. In glibc 2.26 to 2.29 the numbers
 * are bytes, to 2.41 words of 16 bits. From 2.42 on they say how many more blocks a list would
 * take, and 12 lists of large blocks are added.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "malloc/malloc_image.h"
#include "target/memory.h"

/* Of chunks that are tcaches. */
#define TCACHE_BYTES_MIN 0x250UL
#define TCACHE_BYTES_MAX 0x300UL

bool tcache__has_layout(uint64_t chunk_size);

/* Whether a chunk in use of that size may be a tcache. */
static inline bool tcache__may_be(uint64_t chunk_size)
{
	return chunk_size >= TCACHE_BYTES_MIN && chunk_size <= TCACHE_BYTES_MAX &&
	       tcache__has_layout(chunk_size);
}

/*
 * Takes the chunks in the fastbins of arena number @arena out of image->live, and adds them to
 * image->fast and to the arena's numbers. Returns 0, -EDQUOT, -ENOMEM, or as memory__read_ranges().
 */
int fastbins__take(struct malloc_image *image, size_t arena, const struct memory *memory);

/*
 * If the chunk at @address, of @size bytes, is a tcache, takes what it holds out of image->live and
 * adds it to image->cached and to the arenas' numbers. Returns 0, -EDQUOT, -ENOMEM, or as
 * memory__read_ranges().
 */
int tcache__take(struct malloc_image *image, uint64_t address, uint64_t size,
		 const struct memory *memory);
