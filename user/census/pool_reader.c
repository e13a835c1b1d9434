// SPDX-License-Identifier: BSD-2-Clause
#include "census/pool_reader.h"

#include <errno.h>
#include <stdlib.h>

#define BATCH_BYTES (512UL << 10)
#define BATCH_POOLS (BATCH_BYTES / 4096)

struct batch {
	const struct heap *heap;
	const struct memory *memory;
	const struct pool_visitor *visitor;
	struct memory_range ranges[BATCH_POOLS];
	const struct block_span *pools[BATCH_POOLS];
	size_t cnt, used;
	uint8_t bytes[BATCH_BYTES];
};

static int end_batch(struct batch *batch)
{
	const struct pool_visitor *visitor = batch->visitor;
	int err = memory__read_ranges(batch->memory, batch->ranges, batch->cnt);

	for (size_t i = 0; i < batch->cnt && !err; i++)
		err = visitor->visit(batch->pools[i],
				     batch->ranges[i].failed ? NULL : batch->ranges[i].buffer,
				     visitor->context);
	if (!err && visitor->end_batch)
		err = visitor->end_batch(visitor->context);
	batch->cnt = batch->used = 0;
	return err;
}

/* How much of a pool to read: up to the end of its last live block. */
static uint32_t bytes_wanted(const struct heap *heap, const struct block_span *pool)
{
	const uint64_t *live = block_map__span_bits(heap->blocks, pool->address);
	uint32_t alignment = heap->layout.map.alignment;
	uint32_t end = pool->first_block + pool->block_cnt * pool->block_size;

	for (uint32_t w = (end / alignment + 63) / 64; w--;)
		if (live[w])
			return (w * 64 + 63 - (uint32_t)__builtin_clzll(live[w])) * alignment +
			       pool->block_size;
	return 0;
}

static int add_pool(struct batch *batch, const struct block_span *pool)
{
	uint32_t size = bytes_wanted(batch->heap, pool);
	int err = 0;

	if (batch->cnt == BATCH_POOLS || batch->used + size > BATCH_BYTES)
		err = end_batch(batch);
	batch->pools[batch->cnt] = pool;
	batch->ranges[batch->cnt++] = (struct memory_range){
		.address = pool->address,
		.buffer = batch->bytes + batch->used,
		.size = size,
	};
	batch->used += size;
	return err;
}

int pool_reader__run(const struct heap *heap, const struct block_table *blocks,
		     const struct memory *memory, const struct pool_visitor *visitor)
{
	struct batch *batch = malloc(sizeof(*batch));
	int err = 0;

	if (!batch)
		return -ENOMEM;
	batch->heap = heap;
	batch->memory = memory;
	batch->visitor = visitor;
	batch->cnt = batch->used = 0;
	for (size_t i = 0; i < blocks->span_cnt && !err; i++)
		if (!visitor->wants || visitor->wants(&blocks->spans[i], visitor->context))
			err = add_pool(batch, &blocks->spans[i]);
	if (!err)
		err = end_batch(batch);
	free(batch);
	return err;
}
