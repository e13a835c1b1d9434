/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where blocks can be: for each size class, the bits of a span in which every block is live, in
 * units of the alignment, starting at the span's address. Available only if all spans have the same
 * size; otherwise there are no words.
 */
#pragma once

#include "heap/heap_layout.h"

struct block_places {
	size_t word_cnt; /* per class */
	uint64_t words[];
};

/* Returns 0 or -ENOMEM; the caller frees it with free(). */
int block_places__new(struct block_places **out, const struct heap_layout *layout);

/* The words of one of the layout's size classes. */
static inline const uint64_t *block_places__of_class(const struct block_places *places,
						     uint8_t size_class)
{
	return &places->words[size_class * places->word_cnt];
}
