/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passes over the chunks of a heap in an image, in the order of addresses. The image does not have
 * their sizes: each chunk ends where the next one begins.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/block_cursor.h"
#include "malloc/malloc_image.h"

struct chunk_cursor {
	uint64_t address, size; /* of the chunk, bytes */
	enum chunk_state state;
	/* For chunk_cursor__next(): what is passed over, and how far the lists of the image are. */
	const struct malloc_image *image;
	const struct malloc_heap *heap;
	struct block_cursor chunks, live;
	size_t cached_at, fast_at;
};

/* Begins before the first chunk of @heap, whose chunks were read. */
void chunk_cursor__begin(struct chunk_cursor *cursor, const struct malloc_image *image,
			 const struct malloc_heap *heap);

/* Goes on to the next chunk. Returns false if there is none. */
bool chunk_cursor__next(struct chunk_cursor *cursor);
