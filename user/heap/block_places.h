/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where blocks can be: for each size class the bits of a span whose every block is live, counted in
 * units of the alignment from the span's address. Only where all spans are of one size: of others
 * there are no words.
 */
#pragma once

#include "heap/heap_layout.h"

struct block_places {
	size_t word_cnt; /* for each class */
	uint64_t words[];
};

/* Returns 0 or -ENOMEM; the caller frees it with free(). */
int block_places__new(struct block_places **out, const struct heap_layout *layout);

/* The words of a size class of the layout. */
static inline const uint64_t *block_places__of_class(const struct block_places *places,
						     uint8_t size_class)
{
	return &places->words[size_class * places->word_cnt];
}
