// SPDX-License-Identifier: BSD-2-Clause
#include "census/pool_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (512UL << 10)
#define BATCH_POOLS 2048
#define PAGE_BYTES  4096UL

/* Pools that are read together. */
struct batch {
	const struct heap *heap;
	const struct memory *memory;
	const struct pool_visitor *visitor;
	struct batch_pool {
		const struct block_span *pool;
		size_t range, offset, size; /* where its copy is */
		bool failed;		    /* it could not be read */
	} pools[BATCH_POOLS];
	size_t cnt;
	struct memory_range ranges[BATCH_POOLS], apart[BATCH_POOLS];
	size_t range_cnt, used;
	uint8_t bytes[BATCH_BYTES];
	/* A bit for each word of @bytes that is missing because it is left swapped out. */
	uint8_t missing[BATCH_BYTES / 8 / 8 + 1];
	bool has_missing; /* any bit is set */
};

static uint32_t word_in(const struct batch *batch, const uint8_t *place)
{
	return (uint32_t)(place - batch->bytes) / 8;
}

static void note_missing(struct batch *batch, const uint8_t *place, uint64_t size)
{
	batch->has_missing = true;
	for (uint64_t i = 0; i < size; i += 8)
		bits__set(batch->missing, word_in(batch, place + i));
}

/* Reads a range of which a page is swapped out, page by page. */
static int read_pages(struct batch *batch, struct memory_range *whole)
{
	uint64_t end = whole->address + whole->size;
	int err = 0;

	for (uint64_t at = whole->address, next; at < end && !err; at = next) {
		struct memory_range page = {
			.address = at,
			.buffer = (uint8_t *)whole->buffer + (at - whole->address),
		};

		next = (at | (PAGE_BYTES - 1)) + 1 < end ? (at | (PAGE_BYTES - 1)) + 1 : end;
		page.size = next - at;
		err = memory__read_ranges(batch->memory, &page, 1);
		if (page.failed)
			note_missing(batch, page.buffer, page.size);
	}
	whole->failed = false;
	return err;
}

/* How much of a pool to read: up to the end of its last live block. */
static uint32_t bytes_wanted(const struct heap *heap, const struct block_span *pool)
{
	const uint64_t *live = block_map__span_bits(heap->blocks, pool->address);
	uint32_t alignment = heap->layout.map.alignment, size = pool_reader__copy_bytes(pool);
	uint32_t end = pool->first_block + pool->block_cnt * size;

	if (heap->spans)
		return end;
	for (uint32_t w = (end / alignment + 63) / 64; w--;)
		if (live[w])
			return (w * 64 + 63 - (uint32_t)__builtin_clzll(live[w])) * alignment +
			       size;
	return 0;
}

/*
 * Reads the pools again, each alone, whose common range could not be read: only those that lie on a
 * page that is missing are lost.
 */
static int read_apart(struct batch *batch)
{
	size_t cnt = 0;
	int err;

	for (size_t i = 0; i < batch->cnt; i++) {
		const struct batch_pool *pool = &batch->pools[i];
		const struct memory_range *range = &batch->ranges[pool->range];

		if (range->failed)
			batch->apart[cnt++] = (struct memory_range){
				.address = range->address + pool->offset,
				.buffer = (uint8_t *)range->buffer + pool->offset,
				.size = pool->size,
			};
	}
	err = cnt ? memory__read_ranges(batch->memory, batch->apart, cnt) : 0;
	cnt = 0;
	for (size_t i = 0; i < batch->cnt && !err; i++)
		if (batch->ranges[batch->pools[i].range].failed)
			batch->pools[i].failed = batch->apart[cnt++].failed;
	return err;
}

static int read_batch(struct batch *batch)
{
	int err = memory__read_ranges(batch->memory, batch->ranges, batch->range_cnt);

	for (size_t i = 0; i < batch->range_cnt && !err; i++)
		if (batch->ranges[i].is_swapped)
			err = read_pages(batch, &batch->ranges[i]);
	for (size_t i = 0; i < batch->cnt; i++)
		batch->pools[i].failed = batch->ranges[batch->pools[i].range].failed;
	return err || !batch->heap->spans ? err : read_apart(batch);
}

static int visit(const struct batch *batch, const struct batch_pool *pool)
{
	const uint8_t *bytes = (const uint8_t *)batch->ranges[pool->range].buffer + pool->offset;
	const struct pool_copy copy = {.bytes = pool->failed ? NULL : bytes,
				       .missing = batch->has_missing ? batch->missing : NULL,
				       .first_word = word_in(batch, bytes)};

	return batch->visitor->visit(pool->pool, &copy, batch->visitor->context);
}

static int end_batch(struct batch *batch)
{
	const struct pool_visitor *visitor = batch->visitor;
	int err = read_batch(batch);

	for (size_t i = 0; i < batch->cnt && !err; i++)
		err = visit(batch, &batch->pools[i]);
	if (!err && visitor->end_batch)
		err = visitor->end_batch(visitor->context);
	batch->cnt = batch->range_cnt = batch->used = 0;
	if (batch->has_missing)
		memset(batch->missing, 0, sizeof(batch->missing));
	batch->has_missing = false;
	return err;
}

/*
 * Whether the pool continues the last range, so that one range is read for both. Pools that are
 * blocks are small, and mostly lie together.
 */
static bool continues_range(const struct batch *batch, const struct block_span *pool)
{
	const struct memory_range *last;

	if (!batch->heap->spans || !batch->range_cnt)
		return false;
	last = &batch->ranges[batch->range_cnt - 1];
	return pool->address >= last->address && pool->address - last->address <= last->size;
}

static int take_run(uint64_t start, uint64_t end, void *context)
{
	uint64_t *touched = context;

	if (start > *touched)
		return 1;
	*touched = end;
	return 0;
}

/*
 * How many of @size bytes at @address to read of a large block: what follows pages that were never
 * touched reads as zero, and reading it would add pages to the target. Returns 0 or as
 * memory__find_touched().
 */
static int find_touched(const struct batch *batch, uint64_t address, uint32_t *size)
{
	uint64_t touched = address;
	int err = memory__find_touched(batch->memory, address, address + *size, take_run, &touched);

	if (err == -ENODATA)
		return 0;
	if (err >= 0 && touched < address + *size)
		*size = touched > address ? (uint32_t)(touched - address) : 0;
	return err > 0 ? 0 : err;
}

static int add_pool(struct batch *batch, const struct block_span *pool)
{
	uint32_t size = bytes_wanted(batch->heap, pool), read = size;
	struct memory_range *range;
	int err = 0;

	if (pool->block_size >= BLOCK_COPY_MAX)
		err = find_touched(batch, pool->address, &read);
	if (err)
		return err;
	if (batch->cnt == BATCH_POOLS || batch->used + size > BATCH_BYTES)
		err = end_batch(batch);
	if (!continues_range(batch, pool))
		batch->ranges[batch->range_cnt++] = (struct memory_range){
			.address = pool->address,
			.buffer = batch->bytes + batch->used,
		};
	range = &batch->ranges[batch->range_cnt - 1];
	batch->pools[batch->cnt++] = (struct batch_pool){.pool = pool,
							 .range = batch->range_cnt - 1,
							 .offset = pool->address - range->address,
							 .size = read};
	range->size = pool->address - range->address + read;
	batch->used = (size_t)((uint8_t *)range->buffer - batch->bytes) + range->size;
	memset(batch->bytes + batch->used, 0, size - read);
	if (read < size && memory__leaves(batch->memory, pool->address + read))
		note_missing(batch, batch->bytes + batch->used, size - read);
	batch->used += size - read;
	return err;
}

int pool_reader__run(const struct heap *heap, const struct block_table *blocks,
		     const struct memory *memory, const struct pool_visitor *visitor)
{
	struct batch *batch = malloc(sizeof(*batch));
	int err = 0;

	if (!batch)
		return -ENOMEM;
	memset(batch->missing, 0, sizeof(batch->missing));
	batch->has_missing = false;
	batch->heap = heap;
	batch->memory = memory;
	batch->visitor = visitor;
	batch->cnt = batch->range_cnt = batch->used = 0;
	for (size_t i = 0; i < blocks->span_cnt && !err; i++)
		if (!visitor->wants || visitor->wants(&blocks->spans[i], visitor->context))
			err = add_pool(batch, &blocks->spans[i]);
	if (!err)
		err = end_batch(batch);
	free(batch);
	return err;
}
