// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/malloc_image.h"

#include "util/account.h"
#include "util/partition_point.h"

void malloc_image__release(struct malloc_image *image)
{
	account__free(image->arenas);
	account__free(image->cached.items);
	account__free(image->fast.items);
	*image = (struct malloc_image){};
}

static bool is_in(const struct block_list *list, uint64_t block)
{
	size_t i = PARTITION_POINT(item, list->items, list->cnt, *item < block);

	return i < list->cnt && list->items[i] == block;
}

enum chunk_state malloc_image__state_of(const struct malloc_image *image, uint64_t block)
{
	if (block_map__contains(image->live, block))
		return CHUNK_IN_USE;
	if (is_in(&image->cached, block))
		return CHUNK_IN_TCACHE;
	return is_in(&image->fast, block) ? CHUNK_IN_FASTBIN : CHUNK_FREE;
}

static void add_total(struct chunk_total *sum, const struct chunk_total *more)
{
	sum->cnt += more->cnt;
	sum->bytes += more->bytes;
}

struct malloc_arena_use malloc_image__total(const struct malloc_image *image)
{
	struct malloc_arena_use sum = {};

	for (size_t i = 0; i < image->instance->arena_cnt; i++) {
		const struct malloc_arena_use *use = &image->arenas[i];

		add_total(&sum.in_use, &use->in_use);
		add_total(&sum.large_in_use, &use->large_in_use);
		add_total(&sum.free, &use->free);
		add_total(&sum.fastbins, &use->fastbins);
		add_total(&sum.tcache, &use->tcache);
		sum.top_bytes += use->top_bytes;
		sum.overhead_bytes += use->overhead_bytes;
		sum.lost_bytes += use->lost_bytes;
		sum.heap_bytes += use->heap_bytes;
		sum.foreign_bytes += use->foreign_bytes;
		sum.missing_bytes += use->missing_bytes;
	}
	return sum;
}

uint64_t malloc_arena_use__free_bytes(const struct malloc_arena_use *use)
{
	return use->free.bytes + use->fastbins.bytes + use->tcache.bytes + use->top_bytes;
}

double malloc_arena_use__fragmentation(const struct malloc_arena_use *use)
{
	return use->heap_bytes ? (double)malloc_arena_use__free_bytes(use) / (double)use->heap_bytes
			       : 0;
}
