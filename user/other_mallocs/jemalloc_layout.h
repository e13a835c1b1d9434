/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The structure of an extent, and jemalloc's size classes.
 *
 * Sources: jemalloc 5.0.0, 5.1.0 and 5.2.1, include/jemalloc/internal/extent_structs.h; 5.3.0,
 * edata.h; sc.h (size_classes.sh in 5.0), with a quantum of 16 bytes and pages of 4 KiB.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JEMALLOC_PAGE_SHIFT 12

/* The first words of the structure of an extent: struct extent_s up to 5.2, edata_s from 5.3 on. */
enum jemalloc_extent_word {
	JEMALLOC_EXTENT_BITS,	 /* fields; where they are depends on the version */
	JEMALLOC_EXTENT_ADDRESS, /* of a large allocation: may lie within the first page */
	JEMALLOC_EXTENT_SIZE,	 /* in the low 12 bits something else */
	JEMALLOC_EXTENT_WORDS,
};

enum jemalloc_state { /* of an extent; 5.3 has more, for moments between these */
	JEMALLOC_ACTIVE,
	JEMALLOC_DIRTY,
	JEMALLOC_MUZZY,
	JEMALLOC_RETAINED,
};

struct jemalloc_fields {
	unsigned int state_shift, state_bits;
	unsigned int class_shift; /* 8 bits; behind these 10 with the number of free blocks */
	/* Of the class in the second word of a leaf's entry, where entries have two. */
	unsigned int entry_shift;
};

/* By version: 5.0, 5.1 and 5.2, from 5.3 on. */
#define JEMALLOC_FIELDS 3
extern const struct jemalloc_fields jemalloc_fields[JEMALLOC_FIELDS];

static inline bool jemalloc__is_slab(uint64_t bits)
{
	return bits >> 12 & 1;
}

static inline unsigned int jemalloc__state(const struct jemalloc_fields *fields, uint64_t bits)
{
	return bits >> fields->state_shift & ((1U << fields->state_bits) - 1);
}

static inline unsigned int jemalloc__class(const struct jemalloc_fields *fields, uint64_t bits)
{
	return bits >> fields->class_shift & 0xff;
}

/* Of a slab. */
static inline unsigned int jemalloc__free_blocks(const struct jemalloc_fields *fields,
						 uint64_t bits)
{
	return bits >> (fields->class_shift + 8) & 0x3ff;
}

/* The size of an allocation in a size class, in bytes; 0: there is no such class. */
uint64_t jemalloc__class_bytes(unsigned int class);
