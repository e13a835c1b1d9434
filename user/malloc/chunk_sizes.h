/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How large the chunks of a malloc are: a histogram by size classes, and the sizes that stand out.
 *
 * There are four classes for each power of two, so a chunk is at most a fifth smaller than the
 * largest of its class; up to 128 bytes each size is a class. A size stands out if at least 100
 * chunks in use have just this size, and are a tenth of all that are in use, by number or by bytes.
 * Chunks with mappings of their own count as in use for that.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "malloc/chunk_batch.h"
#include "malloc/malloc_image.h"
#include "malloc/mapped_chunks.h"

#define STANDING_OUT_CNT_MIN   100
#define STANDING_OUT_SHARE_MIN 0.1
#define STANDING_OUT_MAX       20 /* by number and by bytes there are 10 each at most */

struct chunk_class {
	uint64_t largest;	   /* size, bytes: of a chunk, with its header */
	struct chunk_total in_use; /* in heaps */
	struct chunk_total free;   /* in bins and fastbins */
	struct chunk_total tcache;
	struct chunk_total mapped; /* with mappings of their own, in use */
};

struct chunk_size {
	uint64_t size;
	struct chunk_total in_use; /* mapped ones included */
};

/* Zero-initialized. */
struct chunk_sizes {
	struct chunk_class *classes; /* those that are not empty, smallest first */
	size_t class_cnt;
	struct chunk_size standing_out[STANDING_OUT_MAX]; /* most bytes first */
	size_t standing_out_cnt;
};

void chunk_sizes__release(struct chunk_sizes *sizes);

/*
 * Counts chunks while they are read: a malloc may have millions, and another pass over them would
 * take as long. Which of them are in a tcache or fastbin is known later.
 */
struct chunk_counter;

/* Returns 0 or -ENOMEM. */
int chunk_counter__new(struct chunk_counter **out, struct account *account);
void chunk_counter__free(struct chunk_counter *counter);

/* Counts the chunks of a batch as in use or free. Returns 0, -EDQUOT or -ENOMEM. */
int chunk_counter__add(struct chunk_counter *counter, const struct chunk_batch *batch);

/* Counts a chunk of @size, which was counted as in use, as in @state instead. */
void chunk_counter__move(struct chunk_counter *counter, uint64_t size, enum chunk_state state);

/*
 * Counts those of @mapped (NULL: none), too, and sets *out, which the caller releases. Returns 0,
 * -EDQUOT or -ENOMEM; then *out is unchanged.
 */
int chunk_counter__finish(struct chunk_counter *counter, struct chunk_sizes *out,
			  const struct mapped_chunks *mapped);
