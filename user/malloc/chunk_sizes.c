// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/chunk_sizes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "malloc/chunk.h"
#include "util/account.h"
#include "util/hash_map.h"

#define CHUNK_CLASSES	     176 /* up to 2^48 bytes */
#define CLASSES_PER_DOUBLING 4
#define SMALLEST_BITS	     5 /* of CHUNK_BYTES_MIN */
/* Sizes below are counted in an array: nearly all chunks are that small. */
#define SMALL_BYTES (16UL << 10)
#define SMALL_SIZES (SMALL_BYTES / 16)

/* How many chunks in use have a size of SMALL_BYTES or more. */
struct large_size {
	uint64_t size, cnt;
};

struct chunk_counter {
	struct chunk_sizes sizes;
	/* Small chunks by size / 16: in use, and with CHUNK_IS_FREE. */
	uint64_t small[2][SMALL_SIZES];
	struct hash_map large;			   /* of struct large_size */
	struct chunk_class classes[CHUNK_CLASSES]; /* of all that are not counted as small */
	struct chunk_total in_use;		   /* set at last */
};

void chunk_sizes__release(struct chunk_sizes *sizes)
{
	account__free(sizes->classes);
	*sizes = (struct chunk_sizes){};
}

int chunk_counter__new(struct chunk_counter **out, struct account *account)
{
	struct chunk_counter *counter = calloc(1, sizeof(*counter));

	if (!counter)
		return -ENOMEM;
	counter->large =
		(struct hash_map){.entry_bytes = sizeof(struct large_size), .account = account};
	*out = counter;
	return 0;
}

void chunk_counter__free(struct chunk_counter *counter)
{
	if (!counter)
		return;
	hash_map__release(&counter->large);
	chunk_sizes__release(&counter->sizes);
	free(counter);
}

/* The class whose largest size is the next one from @size on; too large ones are in the last. */
static size_t class_of(uint64_t size)
{
	uint64_t least = size > CHUNK_BYTES_MIN ? size - 1 : CHUNK_BYTES_MIN - 1;
	size_t bits = 63 - (size_t)__builtin_clzll(least), class;

	if (bits < SMALLEST_BITS)
		return 0;
	/* The two bits below the highest one say in which quarter up to the next power it is. */
	class = (bits - SMALLEST_BITS) * CLASSES_PER_DOUBLING + (least >> (bits - 2) & 3) + 1;
	return class < CHUNK_CLASSES ? class : CHUNK_CLASSES - 1;
}

static uint64_t largest_of(size_t class)
{
	uint64_t quarters = CLASSES_PER_DOUBLING + class % CLASSES_PER_DOUBLING;

	return quarters << (class / CLASSES_PER_DOUBLING + SMALLEST_BITS - 2);
}

static void add(struct chunk_total *total, uint64_t size)
{
	total->cnt++;
	total->bytes += size;
}

/* Notes that a chunk in use has that size. Returns 0, -EDQUOT or -ENOMEM. */
static int note_size(struct chunk_counter *counter, uint64_t size)
{
	struct large_size *large;

	if (size < SMALL_BYTES) {
		counter->small[0][size / 16]++;
		return 0;
	}
	large = hash_map__add(&counter->large, size);
	if (!large)
		return -errno;
	large->cnt++;
	return 0;
}

static int add_large(struct chunk_counter *counter, uint64_t word)
{
	uint64_t size = chunk_word__size(word);
	struct chunk_class *class = &counter->classes[class_of(size)];

	if (chunk_word__is_free(word)) {
		add(&class->free, size);
		return 0;
	}
	add(&class->in_use, size);
	return note_size(counter, size);
}

int chunk_counter__add(struct chunk_counter *counter, const struct chunk_batch *batch)
{
	int err = 0;

	for (size_t i = 0; i < batch->cnt && !err; i++) {
		uint64_t word = batch->words[i];

		if (word < SMALL_BYTES)
			counter->small[word & CHUNK_IS_FREE][word / 16]++;
		else
			err = add_large(counter, word);
	}
	return err;
}

/* No longer counts a chunk in use. Returns false if none of that size was counted. */
static bool take_away(struct chunk_counter *counter, uint64_t size)
{
	struct chunk_total *in_use = &counter->classes[class_of(size)].in_use;
	struct large_size *large;

	if (size < SMALL_BYTES) {
		if (!counter->small[0][size / 16])
			return false;
		counter->small[0][size / 16]--;
		return true;
	}
	large = hash_map__find(&counter->large, size);
	if (!large || !large->cnt)
		return false;
	large->cnt--;
	in_use->cnt--;
	in_use->bytes -= size;
	return true;
}

void chunk_counter__move(struct chunk_counter *counter, uint64_t size, enum chunk_state state)
{
	struct chunk_class *class = &counter->classes[class_of(size)];

	if (take_away(counter, size))
		add(state == CHUNK_IN_TCACHE ? &class->tcache : &class->free, size);
}

/* Adds @cnt chunks of @size. */
static void add_all(struct chunk_total *total, uint64_t size, uint64_t cnt)
{
	total->cnt += cnt;
	total->bytes += size * cnt;
}

static void add_small_to_classes(struct chunk_counter *counter)
{
	for (size_t i = 0; i < SMALL_SIZES; i++) {
		struct chunk_class *class = &counter->classes[class_of(16 * i)];

		add_all(&class->in_use, 16 * i, counter->small[0][i]);
		add_all(&class->free, 16 * i, counter->small[CHUNK_IS_FREE][i]);
	}
}

static int count_mapped(struct chunk_counter *counter, const struct mapped_chunks *mapped)
{
	int err = 0;

	for (size_t i = 0; i < mapped->cnt && !err; i++) {
		uint64_t size = mapped->items[i].size;

		if (mapped->items[i].is_cached)
			continue;
		add(&counter->classes[class_of(size)].mapped, size);
		err = note_size(counter, size);
	}
	return err;
}

static void sum_up(struct chunk_counter *counter)
{
	for (size_t i = 0; i < CHUNK_CLASSES; i++) {
		const struct chunk_class *class = &counter->classes[i];

		counter->in_use.cnt += class->in_use.cnt + class->mapped.cnt;
		counter->in_use.bytes += class->in_use.bytes + class->mapped.bytes;
	}
}

static void consider(struct chunk_counter *counter, uint64_t size, uint64_t cnt)
{
	struct chunk_sizes *out = &counter->sizes;
	uint64_t bytes = size * cnt;

	if (cnt < STANDING_OUT_CNT_MIN || out->standing_out_cnt == STANDING_OUT_MAX ||
	    ((double)cnt < STANDING_OUT_SHARE_MIN * (double)counter->in_use.cnt &&
	     (double)bytes < STANDING_OUT_SHARE_MIN * (double)counter->in_use.bytes))
		return;
	out->standing_out[out->standing_out_cnt++] =
		(struct chunk_size){.size = size, .in_use = {.cnt = cnt, .bytes = bytes}};
}

static int compare_bytes(const void *a, const void *b)
{
	const struct chunk_size *left = a, *right = b;

	return left->in_use.bytes > right->in_use.bytes ? -1
							: left->in_use.bytes < right->in_use.bytes;
}

static void find_standing_out(struct chunk_counter *counter)
{
	struct chunk_sizes *out = &counter->sizes;

	for (size_t i = 0; i < SMALL_SIZES; i++)
		consider(counter, 16 * i, counter->small[0][i]);
	for (size_t i = 0; i < counter->large.slot_cnt; i++) {
		const struct large_size *large = hash_map__slot(&counter->large, i);

		consider(counter, large->size, large->cnt);
	}
	qsort(out->standing_out, out->standing_out_cnt, sizeof(*out->standing_out), compare_bytes);
}

static bool is_empty(const struct chunk_class *class)
{
	return !class->in_use.cnt && !class->free.cnt && !class->tcache.cnt && !class->mapped.cnt;
}

/* Copies the classes that are not empty. Returns 0, -EDQUOT or -ENOMEM. */
static int copy_classes(struct chunk_counter *counter, struct account *account)
{
	struct chunk_sizes *out = &counter->sizes;
	size_t cnt = 0;

	for (size_t i = 0; i < CHUNK_CLASSES; i++)
		cnt += !is_empty(&counter->classes[i]);
	out->classes = account__calloc(account, cnt + 1, sizeof(*out->classes));
	if (!out->classes)
		return -errno;
	for (size_t i = 0; i < CHUNK_CLASSES; i++) {
		if (is_empty(&counter->classes[i]))
			continue;
		out->classes[out->class_cnt] = counter->classes[i];
		out->classes[out->class_cnt++].largest = largest_of(i);
	}
	return 0;
}

int chunk_counter__finish(struct chunk_counter *counter, struct chunk_sizes *out,
			  const struct mapped_chunks *mapped)
{
	int err = 0;

	add_small_to_classes(counter);
	if (mapped)
		err = count_mapped(counter, mapped);
	if (!err)
		err = copy_classes(counter, counter->large.account);
	if (err)
		return err;
	sum_up(counter);
	find_standing_out(counter);
	*out = counter->sizes;
	counter->sizes = (struct chunk_sizes){};
	return 0;
}
