// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/arena_report.h"

#include <errno.h>
#include <stdlib.h>

#include "util/account.h"
#include "util/cleanup.h"

void arena_report__release(struct arena_report *report)
{
	pin_holders__release(&report->holders);
	pinned__free(&report->pinned);
}

static int add_pool(struct pinned *pinned, const struct census *census,
		    const struct block_pool *pool)
{
	const struct block_table *blocks = &census->blocks;

	for (uint32_t i = 0; i < pool->block_cnt; i++) {
		int err;

		if (block_kind__role(blocks->words[pool->first_place + i]) == BLOCK_FREE)
			continue;
		err = ACCOUNT_RESERVE(census->heap->account, pinned->blocks, pinned->block_capacity,
				      pinned->block_cnt + 1);
		if (err)
			return err;
		pinned->blocks[pinned->block_cnt++] = (struct pinned_block){
			.address = pool->address + blocks->pool_header_bytes +
				   (uint64_t)i * pool->block_size,
			.size = pool->block_size,
		};
	}
	return 0;
}

static int find_blocks(struct pinned *pinned, const struct census *census,
		       const struct arena *arena)
{
	const struct block_table *blocks = &census->blocks;
	uint64_t end = arena->address + census->heap->geometry.arena_size;
	int err = 0;

	for (size_t i = block_table__first_pool(blocks, arena->address);
	     i < blocks->pool_cnt && blocks->pools[i].address < end && !err; i++)
		err = add_pool(pinned, census, &blocks->pools[i]);
	return err;
}

static int describe_arena(struct pinned *pinned, const struct census *census,
			  const struct arena *arena)
{
	uint64_t size = census->heap->geometry.arena_size, live_bytes = 0;

	for (size_t i = 0; i < pinned->block_cnt; i++)
		live_bytes += pinned->blocks[i].size;
	pinned->arenas = account__calloc(census->heap->account, 1, sizeof(*pinned->arenas));
	if (!pinned->arenas)
		return -errno;
	pinned->arena_cnt = 1;
	pinned->arenas[0] = (struct pinned_arena){
		.address = arena->address,
		.live_blocks = (uint32_t)pinned->block_cnt,
		.live_bytes = (uint32_t)live_bytes,
		.occupancy = (double)live_bytes / (double)size,
		.block_cnt = (uint32_t)pinned->block_cnt,
	};
	pinned->live_blocks = pinned->block_cnt;
	pinned->bytes = size;
	pinned->hostage_bytes = size - live_bytes;
	return 0;
}

int arena_report__find(struct arena_report *out, const struct graph *graph,
		       const struct roots *roots, struct retention *retention, uint64_t address,
		       const struct pin_holders_options *options)
{
	_cleanup_(arena_report__release) struct arena_report report = {};
	const struct census *census = graph->census;
	const struct arena *arena = heap__arena_around(census->heap, address);
	int err;

	if (!arena)
		return -ENOENT;
	err = find_blocks(&report.pinned, census, arena);
	if (!err && !report.pinned.block_cnt)
		return -ENOENT;
	if (!err)
		err = describe_arena(&report.pinned, census, arena);
	if (!err)
		err = pin_holders__find(&report.holders, &report.pinned, graph, roots, retention,
					options);
	if (err)
		return err;
	*out = report;
	report = (struct arena_report){};
	return 0;
}
